

import os

# Whoever presses Esc and then another key takes longer than this, in ms; what a terminal sends for
# one key comes at once. Textual waits twice as long, and takes what comes within it for one key
# with Alt. It reads the variable when it is imported.
os.environ.setdefault("ESCDELAY", "50")
