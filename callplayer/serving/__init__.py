"""`callplayer serve` and the commands under it: import, list, remove, clients."""
