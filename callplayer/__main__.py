"""`python -m callplayer`."""

from callplayer.cli import run

if __name__ == "__main__":
    run()
