"""Stand-ins of the modules of the host that the patch of videos looks for."""

from types import ModuleType, SimpleNamespace

from opaque_keys.edx.keys import UsageKey

from ccx_tenancy.hosts.openedx import videos
from tests.hosts.openedx.standin.edxval.models import CourseVideo, Video


def import_from_xml(xml, edx_video_id, resource_fs, static_dir, external_transcripts=None, course_id=None):
    """What the host does with a video in an imported file: it puts a known one into the course, and makes others."""
    found = Video._base_manager.filter(edx_video_id=edx_video_id).first()
    if found is None:
        found = Video.objects.create(
            edx_video_id=edx_video_id or f"made {Video._base_manager.count()}", status="external"
        )
    if course_id:
        CourseVideo.objects.create(video=found, course_id=course_id)
    return found.edx_video_id


class VideoBlock:
    """A block that shows the statuses of all videos of its id."""

    def __init__(self, usage_key, edx_video_id):
        self.scope_ids = SimpleNamespace(usage_id=UsageKey.from_string(usage_key))
        self.edx_video_id = edx_video_id

    def student_view_data(self, context=None):
        """Return what the app is told."""
        return list(Video.objects.filter(edx_video_id=self.edx_video_id).values_list("status", flat=True))

    def index_dictionary(self):
        """Return what the search engine is told."""
        return self.student_view_data()

    def definition_to_xml(self, resource_fs):
        """Return what is exported."""
        return self.student_view_data()


def stand_ins_of_videos():
    """Return the two modules, the class in them new each time."""
    edxval, block = ModuleType(videos.API), ModuleType(videos.BLOCKS[0])
    edxval.import_from_xml = import_from_xml
    block.VideoBlock = type("VideoBlock", (VideoBlock,), {**vars(VideoBlock)})
    return edxval, block
