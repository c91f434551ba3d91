from django.apps import AppConfig


class OutgoingStandinConfig(AppConfig):
    name = "tests.outgoing.standin"
    label = "outgoing_standin"
