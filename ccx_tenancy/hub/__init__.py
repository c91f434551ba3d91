"""The hub (CCXCon): courses come in from any number of LMS, and go out to any number of portals; orders go back.

A deployment of its own: it needs Django, the toolkit for OAuth2 and :mod:`ccx_tenancy.outgoing`, and nothing of the
tenancy rooms. It speaks the protocol of the CCXCon of 2016 with an original LMS and an original portal, and a little
more with ours. :mod:`ccx_tenancy.hub.api` is the door.
"""
