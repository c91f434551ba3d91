"""The index of all courses and libraries of the modulestore, as the host keeps it."""

from django.db import models
from opaque_keys.edx.django.models import LearningContextKeyField


class SplitModulestoreCourseIndex(models.Model):
    course_id = LearningContextKeyField(max_length=255, db_index=True, unique=True)
    wiki_slug = models.CharField(max_length=255, db_index=True, blank=True)

    def __str__(self):
        return str(self.course_id)
