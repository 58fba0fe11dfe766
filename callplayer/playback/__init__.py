"""How a recording or a growing call is played: cursor, gains and blocks of sound. Pure."""
