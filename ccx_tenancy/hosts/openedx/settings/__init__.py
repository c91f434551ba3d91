"""What the platform's plug-in mechanism calls while it builds its settings, for the LMS and for Studio.

``common`` runs at the end of the platform's own defaults, ``production`` and ``test`` after everything that a
deployment sets. Nothing here may import a model, or read ``django.conf.settings``.
"""
