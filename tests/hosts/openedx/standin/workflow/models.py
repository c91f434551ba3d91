"""In which course an answer to an open assessment is, by the answer's id."""

from django.db import models


class AssessmentWorkflow(models.Model):
    submission_uuid = models.CharField(max_length=36, db_index=True, unique=True)
    course_id = models.CharField(max_length=255, blank=False, db_index=True)
    item_id = models.CharField(max_length=255, blank=False, db_index=True)

    def __str__(self):
        return self.submission_uuid
