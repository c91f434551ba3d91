"""Videos, in which courses they are, and what belongs to them."""

from django.db import models


class Video(models.Model):
    edx_video_id = models.CharField(max_length=100, unique=True)
    status = models.CharField(max_length=255, db_index=True)

    def __str__(self):
        return self.edx_video_id


class CourseVideo(models.Model):
    course_id = models.CharField(max_length=255)
    video = models.ForeignKey(Video, related_name="courses", on_delete=models.CASCADE)

    def __str__(self):
        return self.course_id


class EncodedVideo(models.Model):
    url = models.CharField(max_length=200)
    video = models.ForeignKey(Video, related_name="encoded_videos", on_delete=models.CASCADE)

    def __str__(self):
        return self.url


class VideoTranscript(models.Model):
    video = models.ForeignKey(Video, related_name="video_transcripts", null=True, on_delete=models.CASCADE)
    language_code = models.CharField(max_length=50, db_index=True)

    def __str__(self):
        return f"{self.video} {self.language_code}"
