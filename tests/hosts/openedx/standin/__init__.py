"""What our adapter leans on of edx-platform, small enough to run anywhere.

Each stand-in has the label, the model names, the fields and the signatures of the host's; ``tests/openedx_host/``
compares them with the real ones wherever a host is given.
"""
