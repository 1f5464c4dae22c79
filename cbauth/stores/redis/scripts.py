"""What runs inside Redis: each script is one command, so nobody comes in between.

A version is the server's time in microseconds, or the record's last version plus one if that is more. So the versions
of a record grow even over a server that has lost its data, and whoever holds a greater one than the server knows that
something was lost.
"""

from __future__ import annotations

import hashlib

__all__ = ["FORGET", "NAMES_LIFE", "SWAP", "SWAP_SHA"]

NAMES_LIFE = 62 * 86_400_000
"""Milliseconds for which the set of names is kept after it was last used: longer than any record that nobody uses."""

SWAP = f"""
-- KEYS: the record, the set of all names. ARGV: the channel, the record's name, the version that the writer has seen
-- (empty: none), the new body (empty: removed), its life in ms. Gives the server's time in microseconds, and then
-- either the new version or, when the writer has not seen the newest, "-" and what is there.
local found = redis.call('GET', KEYS[1])
local seen = found and string.match(found, '^%d+') or ''
local time = redis.call('TIME')
local clock = string.format('%d%06d', time[1], time[2])
if seen ~= ARGV[3] then
    return clock .. ' -' .. (found or '')
end
local version = clock
if found then
    if tonumber(clock) <= tonumber(seen) then
        version = string.format('%.0f', seen + 1)
    end
else
    redis.call('SADD', KEYS[2], ARGV[2])
    redis.call('PEXPIRE', KEYS[2], {NAMES_LIFE})
end
redis.call('SET', KEYS[1], version .. ' ' .. ARGV[4], 'PX', ARGV[5])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return {{ok = clock .. ' ' .. version}}
"""
SWAP_SHA = hashlib.sha1(SWAP.encode(), usedforsecurity=False).hexdigest()

FORGET = """
-- KEYS: the set of all names, a record that has expired. ARGV: its name.
if redis.call('EXISTS', KEYS[2]) == 0 then
    return redis.call('SREM', KEYS[1], ARGV[1])
end
return 0
"""
