"""callplayer: hear and steer a recorded or live emergency call from a terminal."""

__version__ = "0.1.0"
