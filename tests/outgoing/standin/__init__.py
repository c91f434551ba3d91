"""An app with something to send: what the tests of the durable row need of a room that has one."""
