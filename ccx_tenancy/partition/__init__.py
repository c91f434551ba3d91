"""The policy, pure: which organizations, courses and libraries may this actor see; and the keys found in a request."""
