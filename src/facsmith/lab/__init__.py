"""Research on top of the core: train networks, fit boundaries, evaluate them, reproduce the paper.

Nothing of the core imports this package; `facsmith.__main__` adds its commands to the command line.
"""
