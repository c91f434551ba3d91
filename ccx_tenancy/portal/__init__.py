"""The Teacher's Portal: a catalogue of courses that a hub sends, their owners and prices, orders, and seats."""
