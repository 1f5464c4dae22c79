"""Faces of the engine for people who loop themselves: one by credential, one by model."""

from __future__ import annotations

from cbauth.managers.auth import AuthProfileManager
from cbauth.managers.model import ModelProfileManager
from cbauth.managers.profiles import AuthProfile, Credentials, ModelProfile, ProfileSelection

__all__ = [
    "AuthProfile",
    "AuthProfileManager",
    "Credentials",
    "ModelProfile",
    "ModelProfileManager",
    "ProfileSelection",
]
