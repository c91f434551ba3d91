"""Course teams, organization roles, and what the platform keeps beside a user."""

from django.conf import settings
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField


class CourseAccessRole(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    org = models.CharField(max_length=64, db_index=True, blank=True)
    course_id = CourseKeyField(max_length=255, db_index=True, blank=True)
    role = models.CharField(max_length=64, db_index=True)

    class Meta:
        unique_together = ("user", "org", "course_id", "role")

    def __str__(self):
        return f"{self.role} {self.course_id or self.org}"


class UserProfile(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, related_name="profile", on_delete=models.CASCADE)
    name = models.CharField(blank=True, max_length=255, db_index=True)

    class Meta:
        db_table = "auth_userprofile"

    def __str__(self):
        return self.name


class Registration(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    activation_key = models.CharField(max_length=32, unique=True, db_index=True)

    class Meta:
        db_table = "auth_registration"

    def __str__(self):
        return self.activation_key


class CourseEnrollment(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    course = models.ForeignKey(
        "course_overviews.CourseOverview", db_constraint=False, on_delete=models.DO_NOTHING, db_column="course_id"
    )
    is_active = models.BooleanField(default=True)

    def __str__(self):
        return f"{self.user} {self.course_id}"


class CourseEnrollmentAllowed(models.Model):
    email = models.CharField(max_length=255, db_index=True)
    course_id = CourseKeyField(max_length=255, db_index=True)

    def __str__(self):
        return f"{self.email} {self.course_id}"

    @classmethod
    def for_user(cls, user):
        return cls.objects.filter(email=user.email)


class CourseEnrollmentAttribute(models.Model):
    enrollment = models.ForeignKey(CourseEnrollment, related_name="attributes", on_delete=models.CASCADE)
    namespace = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    value = models.CharField(max_length=255)

    def __str__(self):
        return f"{self.namespace}.{self.name}"


class UserSignupSource(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, db_index=True, on_delete=models.CASCADE)
    site = models.CharField(max_length=255, db_index=True)

    def __str__(self):
        return self.site
