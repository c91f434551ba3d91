from django.apps import AppConfig


class CourseOverviewsConfig(AppConfig):
    name = "tests.hosts.openedx.standin.course_overviews"
    label = "course_overviews"
    default_auto_field = "django.db.models.AutoField"
