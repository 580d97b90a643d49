"""A small mail report. Run it with `hmr examples/demo/main.py`, then edit the files while it runs:

* config.py, GREETING     -> config and main run again; the model is not loaded again
* config.py, LIMIT        -> config, report and main
* report.py, headline()   -> patched where it stands; main called it and runs again
* model.py, its docstring -> nothing runs
* words.txt               -> the model read it and loads again, which takes its three seconds
"""

import report
from config import GREETING

print(GREETING)
for line in report.lines():
    print(" ", line)
print("(edit config.py, report.py or this file; Ctrl-C ends it)")
