"""The marketplace's LMS side: the door of the room."""

from ccx_tenancy.ccxcon.connectors import Imported, get_connector, import_connectors, serving
from ccx_tenancy.ccxcon.exports import course_changed, prune, resend, send_due, standing
from ccx_tenancy.ccxcon.links import send_again
from ccx_tenancy.ccxcon.models import CcxOrder, Connector, CourseExport, LoginLink
from ccx_tenancy.ccxcon.orders import KeyReused, OrderRefused, Result, set_seats
from ccx_tenancy.ccxcon.orders import close as close_ccx
from ccx_tenancy.ccxcon.orders import create as order_ccx
from ccx_tenancy.ccxcon.orders import read as read_ccx

__all__ = [
    "CcxOrder",
    "Connector",
    "CourseExport",
    "Imported",
    "KeyReused",
    "LoginLink",
    "OrderRefused",
    "Result",
    "close_ccx",
    "course_changed",
    "get_connector",
    "import_connectors",
    "order_ccx",
    "prune",
    "read_ccx",
    "resend",
    "send_again",
    "send_due",
    "serving",
    "set_seats",
    "standing",
]
