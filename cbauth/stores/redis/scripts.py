"""What runs inside Redis: each script is one command, so nobody comes in between.

A version is the server's time in microseconds, or the last version plus one if that is more. So versions grow even over
a server that has lost its data, and whoever holds a greater one than the server knows that something was lost.
"""

from __future__ import annotations

import hashlib

__all__ = ["FORGET", "SWAP", "SWAP_SHA"]

SWAP = """
-- KEYS: the record, the latest version, the index of changes. ARGV: the version that the writer has seen (empty: none),
-- the new body (empty: removed), its life in ms, the life of the index in ms, the record's name, the channel.
local found = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local clock = string.format('%.0f', now)
if (found and string.match(found, '^%d+') or '') ~= ARGV[1] then
    return {0, found or '', clock}
end
local version = string.format('%.0f', math.max((redis.call('GET', KEYS[2]) or 0) + 1, now))
redis.call('SET', KEYS[2], version, 'PX', ARGV[4])
redis.call('SET', KEYS[1], version .. ' ' .. ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[3], version, ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
redis.call('PUBLISH', ARGV[6], '')
return {1, version, clock}
"""
SWAP_SHA = hashlib.sha1(SWAP.encode(), usedforsecurity=False).hexdigest()

FORGET = """
-- KEYS: the index of changes, a record that has expired. ARGV: its name.
if redis.call('EXISTS', KEYS[2]) == 0 then
    return redis.call('ZREM', KEYS[1], ARGV[1])
end
return 0
"""
