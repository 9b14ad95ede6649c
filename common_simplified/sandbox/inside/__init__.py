"""The inside of the sandbox: what runs in its server, its graders and its programs' processes.

Imported with the standard library alone, and by relative names: inside, nothing else of this
project can be seen.
"""
