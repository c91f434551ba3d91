"""Pages of all wikis, as the host keeps them: one tree, and what is written on each page."""

from django.db import models


class Article(models.Model):
    other_read = models.BooleanField(default=True)

    def __str__(self):
        return str(self.pk)


class ArticleRevision(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    title = models.CharField(max_length=512)

    def __str__(self):
        return self.title


class URLPath(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    slug = models.SlugField(null=True, blank=True)  # noqa: DJ001 - the same as the host's
    parent = models.ForeignKey("self", null=True, blank=True, related_name="children", on_delete=models.CASCADE)
    lft = models.PositiveIntegerField()
    rght = models.PositiveIntegerField()
    tree_id = models.PositiveIntegerField()
    level = models.PositiveIntegerField()

    def __str__(self):
        return self.slug or ""

    @classmethod
    def get_by_path(cls, path, select_related=False):
        found = cls.objects.get(level=0)
        for slug in path.strip("/").split("/") if path.strip("/") else ():
            found = cls.objects.get(parent=found, slug__iexact=slug)
        return found
