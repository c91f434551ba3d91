"""The marketplace as a whole: LMS, hub, portal and gateway, each a project of its own in processes of its own."""
