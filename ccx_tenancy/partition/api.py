"""Who sees what: the door of the room."""

from ccx_tenancy.partition.courses import filter_courses
from ccx_tenancy.partition.policy import LMS, STUDIO, OrgScope, can_see, visible_organizations

__all__ = ["LMS", "STUDIO", "OrgScope", "can_see", "filter_courses", "visible_organizations"]
