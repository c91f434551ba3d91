"""Who is grading an answer to an open assessment now: said by the answer's id alone."""

from django.db import models


class SubmissionGradingLock(models.Model):
    submission_uuid = models.CharField(max_length=128, db_index=True, unique=True)
    owner_id = models.CharField(max_length=40)

    def __str__(self):
        return self.submission_uuid
