import os

# Whoever presses Esc and then another key takes longer than 50 ms; what a terminal sends for one
# key comes at once. Textual reads this, in ms, when it is imported, waits for up to twice as long,
# and takes what comes within it for one key with Alt; by itself it has 100.
os.environ.setdefault("ESCDELAY", "25")
