"""Custom courses, as the host keeps them: the key of the master course, and a number."""

from django.conf import settings
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField


class CustomCourseForEdX(models.Model):
    course_id = CourseKeyField(max_length=255, db_index=True)
    display_name = models.CharField(max_length=255)
    coach = models.ForeignKey(settings.AUTH_USER_MODEL, db_index=True, on_delete=models.CASCADE)

    def __str__(self):
        return self.display_name
