"""The adapter to edx-platform, LMS and Studio: the one room that may import the platform.

``settings/`` is what the platform's plug-in mechanism calls, ``checks.py`` says when that had no effect.
"""
