"""Is a file on a network file system? SQLite is of no use there, and it does not say so.

The WAL needs memory that all who open the file share, which machines do not (https://www.sqlite.org/wal.html), and the
locks of many network file systems do not hold (https://www.sqlite.org/howtocorrupt.html, section 2.1).

Laws:

1. Only what is known to be a network file system is refused. What cannot be read or understood is allowed.
2. The mount that counts is the deepest one above the file, symbolic links resolved; of several in one place, the last.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from cbauth.errors import StoreError

__all__ = ["refuse_network"]

MOUNTINFO = Path("/proc/self/mountinfo")

# Not here are 9p and virtiofs, nor vboxsf and its like: WSL, gVisor and virtual machines on a desktop show a local disk
# so. Where one of them lacks shared memory SQLite says so, and the store then lives in memory. Nor is overlay, which
# containers stand on.
NETWORK = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "gfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "ocfs2", "panfs", "pvfs2", "smb3", "smbfs", "wekafs"}
)
"""Types of network and cluster file systems, as the Linux kernel names them."""
REMOTE_PROGRAMS = frozenset(
    {"curlftpfs", "gcsfuse", "glusterfs", "goofys", "google-drive-ocamlfuse", "gvfs-fuse-daemon", "gvfsd-fuse"}
    | {"httpdirfs", "juicefs", "kio-fuse", "mfs", "moosefs", "mount-s3", "mountpoint-s3", "onedriver", "rclone", "s3fs"}
    | {"smbnetfs", "sshfs"}
)
"""Programs that bring files from elsewhere through FUSE: what follows the point in types such as ``fuse.sshfs``."""
REMOTE_FAMILIES = ("blobfuse", "ceph", "davfs")
"""Beginnings of more such names."""
DRIVE_REMOTE = 4
"""What Windows calls a drive of another machine (``GetDriveTypeW``, fileapi.h)."""

_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")


def refuse_network(path: Path, mounts: Path = MOUNTINFO) -> None:
    """Raise ``StoreError``, with advice, if ``path`` is on a network or cluster file system; nothing else is raised.

    The file need not exist: then it counts where it would be made. ``mounts`` is the table of what is mounted
    (proc(5), ``/proc/pid/mountinfo``). Windows is asked about the drive instead. macOS and the BSDs have no such table,
    and Python does not show their flag for local file systems (``MNT_LOCAL``): there every file is allowed.
    """
    try:
        place = os.path.realpath(path)  # before the table is read: looking may mount what is mounted on demand
        found = _share(place) or _network_mount(os.fsencode(place), mounts.read_bytes())
    except (OSError, ValueError):
        return
    if found is not None:
        kind, where = found
        raise StoreError(
            f"{path} is on a network file system ({kind}, mounted at {where}): SQLite's locks do not hold there; set"
            " `state.store` to sqlite:PATH on a local disk, or to redis://HOST if several machines share the state"
        )


def _network_mount(place: bytes, table: bytes) -> tuple[str, str] | None:
    """Type and mount point of the network file system that ``place`` is on; ``None`` if it is on another one."""
    inside = place + b"/"
    deepest, kind, source = b"", b"", b""
    for line in table.split(b"\n"):
        fields = line.split(b" ")
        try:
            dash = fields.index(b"-", 6)  # any number of optional fields stands before it
            its_kind, its_source = fields[dash + 1 : dash + 3]
        except ValueError:
            continue
        point = _ESCAPE.sub(_unescaped, fields[4])
        if point[:1] == b"/" and len(point) >= len(deepest) and inside.startswith(point.rstrip(b"/") + b"/"):
            deepest, kind, source = point, its_kind, its_source
    name = _network_name(os.fsdecode(kind), os.fsdecode(source))
    return None if name is None else (name, os.fsdecode(deepest))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 8)])


def _network_name(kind: str, source: str) -> str | None:
    """What to call a file system of type ``kind``; ``None`` unless it is known to be a network's.

    A program that gives FUSE no name of its own (blobfuse2, mountpoint-s3) often stands as the source, alone or before
    ``#``; davfs2 puts its URL there, which is not repeated because it may hold a password.
    """
    if kind in NETWORK:
        return kind
    family, _, program = kind.partition(".")
    if family != "fuse":
        return None
    if not program and "://" in source:
        return kind
    program = program or source.partition("#")[0]
    return f"fuse.{program}" if program in REMOTE_PROGRAMS or program.startswith(REMOTE_FAMILIES) else None


def _share(place: str) -> tuple[str, str] | None:
    """On Windows, the share or the mapped drive that ``place`` is on; ``None`` for a local drive and elsewhere."""
    if sys.platform == "win32":
        import ctypes

        drive = os.path.splitdrive(place)[0]
        device = place.startswith(("\\\\?\\", "\\\\.\\"))  # \\?\C: is a drive, and \\?\UNC\server\share a share
        if (drive.startswith("\\\\") and not device) or place.upper().startswith("\\\\?\\UNC\\"):
            return "a share", drive
        if ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") == DRIVE_REMOTE:
            return "a network drive", drive
    return None
