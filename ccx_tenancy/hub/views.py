"""The hub's API, ``/api/v1/``: paths, fields and refusals of the CCXCon of 2016, and what it lacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView, exception_handler

from ccx_tenancy.hub import catalogue, clients, events, links, orders
from ccx_tenancy.hub.models import CCX_WRITE, COURSES_READ, COURSES_WRITE, Client, Course, Instructor, Module, digest
from ccx_tenancy.hub.oauth import BearerAuthentication, Caller, HasScope
from ccx_tenancy.json_bodies import JSONBody, check_length

#: How many rows a list has at most; a longer one goes on at the address in its Link header.
PAGE = 1000


class HubView(APIView):
    """What every view shares: bearer tokens and scopes, JSON out, nothing of the project's own settings."""

    authentication_classes = (BearerAuthentication,)
    permission_classes = (HasScope,)
    renderer_classes = (JSONRenderer,)
    parser_classes = (JSONBody, FormParser, MultiPartParser)
    throttle_classes = ()
    #: The scope that each method needs; ``*``: any other.
    scopes: ClassVar[Mapping[str, str]] = {"*": COURSES_READ}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who may, with a body of a size that is allowed."""
        super().initial(request, *args, **kwargs)
        check_length(request)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        """Return how errors are answered, whatever the project says."""
        return exception_handler

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a problem of an order as it asks to be answered."""
        if isinstance(exc, orders.Problem):
            headers = {} if exc.retry_after is None else {"Retry-After": str(exc.retry_after)}
            return Response(exc.body, status=exc.status, headers=headers)
        return super().handle_exception(exc)

    @property
    def client(self) -> Client:
        """Who asks."""
        caller: object = self.request.user
        assert isinstance(caller, Caller)
        return caller.client

    def course(self, identifier: str) -> Course:
        """Return a course that the client sees. Raises NotFound."""
        number = orders.as_uuid(identifier)
        course = clients.visible_courses(self.client).filter(uuid=number).first() if number else None
        if course is None:
            raise NotFound("Not found.")
        return course


class RootView(HubView):
    """``/api/v1/``."""

    scopes: ClassVar[Mapping[str, str]] = {}

    def get(self, request: Request) -> Response:
        """Say where the courses are."""
        return Response({"coursexs": reverse("ccx_hub:courses", request=request)})


class CourseListView(HubView):
    """``/api/v1/coursexs/``."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": COURSES_READ, "HEAD": COURSES_READ, "POST": COURSES_WRITE}

    def get(self, request: Request) -> Response:
        """Return the courses on offer that the client sees: a bare list, page by page where it is long."""
        offered = clients.visible_courses(self.client).filter(state=Course.State.ACTIVE)
        rows, headers = page(offered.prefetch_related("instructors").order_by("pk"), request)
        return Response([course_json(course, request) for course in rows], headers=headers)

    def post(self, request: Request) -> Response:
        """Take a course as its LMS publishes it: 201 where it is new, else 200."""
        instance = self.client.instance
        try:
            told = catalogue.read_course(request.data, instance)
        except catalogue.Refused as error:
            raise ValidationError(error.detail) from None
        assert instance is not None
        course, is_new = catalogue.receive(instance, told)
        body = course_json(course, request)
        return Response(body, status=201, headers={"Location": body["url"]}) if is_new else Response(body)


class CourseView(HubView):
    """``/api/v1/coursexs/UUID/``."""

    def get(self, request: Request, course: str) -> Response:
        """Return one course."""
        return Response(course_json(self.course(course), request))


class ModuleListView(HubView):
    """``/api/v1/coursexs/UUID/modules/``."""

    def get(self, request: Request, course: str) -> Response:
        """Return the modules of a course, in their order."""
        found = self.course(course)
        rows, headers = page(found.modules.filter(removed=False).order_by("order", "pk"), request)
        return Response([module_json(found, module, request) for module in rows], headers=headers)


class ModuleView(HubView):
    """``/api/v1/coursexs/UUID/modules/UUID/``."""

    def get(self, request: Request, course: str, module: str) -> Response:
        """Return one module of this course, and of no other."""
        found = self.course(course)
        number = orders.as_uuid(module)
        one = found.modules.filter(uuid=number, removed=False).first() if number else None
        if one is None:
            raise NotFound("Not found.")
        return Response(module_json(found, one, request))


class UserExistsView(HubView):
    """``/api/v1/user_exists/?uid=``."""

    def get(self, request: Request) -> Response:
        """Say whether an anonymous id is that of an instructor of a course that the client sees."""
        uid = request.query_params.get("uid")
        if not uid:
            return Response({"error": "Must provide a UID"}, status=400)
        rows = Instructor.objects.filter(uid_digest=digest(uid), course__in=clients.visible_courses(self.client))
        return Response({"exists": rows.exists()})


class LoginLinkView(HubView):
    """``/api/v1/login_links/``."""

    def post(self, request: Request) -> Response:
        """Say whose login link a token is."""
        data = request.data
        try:
            link = links.check(data.get("token") if isinstance(data, Mapping) else None, self.client)
        except links.BadLink as error:
            return Response({"error": str(error)}, status=400)
        said = {"uid": link.uid, "instance": link.instance, "nonce": link.nonce, "expires": link.expires}
        return Response(said)


class CcxListView(HubView):
    """``/api/v1/ccx/``."""

    scopes: ClassVar[Mapping[str, str]] = {"*": CCX_WRITE}

    def post(self, request: Request) -> Response:
        """Order a CCX; the answer is that of the LMS, the ``Location`` ours."""
        ccx = orders.create(self.client, request.data, request.headers.get("Idempotency-Key", "").strip())
        place = reverse("ccx_hub:ccx", kwargs={"identifier": str(ccx.uuid)}, request=request)
        return Response(ccx.said, status=201, headers={"Location": place})


class CcxView(HubView):
    """``/api/v1/ccx/ID/``: ours, or the key at the LMS."""

    scopes: ClassVar[Mapping[str, str]] = {"*": CCX_WRITE}

    def get(self, request: Request, identifier: str) -> Response:
        """Return how a CCX stands."""
        return Response(orders.read(orders.find(self.client, identifier)))

    def patch(self, request: Request, identifier: str) -> Response:
        """Change how many seats a CCX has."""
        return Response(orders.set_seats(orders.find(self.client, identifier), request.data))

    def delete(self, request: Request, identifier: str) -> Response:
        """Close a CCX."""
        orders.close(orders.find(self.client, identifier))
        return Response(status=204)


def page(rows: QuerySet[Any], request: Request) -> tuple[list[Any], dict[str, str]]:
    """Return one page of a list and the headers that say where it goes on.

    ``?page=`` counts from 1, ``?page_size=`` is 1 to 1000. Without them it is the first of 1000, which an original
    client takes for the whole. Raises NotFound for a page that is none.
    """
    number, size = _number(request, "page", 1), min(_number(request, "page_size", PAGE), PAGE)
    found = list(rows[(number - 1) * size : number * size + 1])
    links = []
    for relation, other, is_there in (("next", number + 1, len(found) > size), ("prev", number - 1, number > 1)):
        if is_there:
            query = urlencode({**request.query_params.dict(), "page": other})
            links.append(f'<{request.build_absolute_uri(request.path)}?{query}>; rel="{relation}"')
    return found[:size], {"Link": ", ".join(links)} if links else {}


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) >= 1):
        raise NotFound(f"Invalid {name}: allowed is a number from 1.")
    return int(text)


def course_json(course: Course, request: Request) -> dict[str, Any]:
    """Return a course as the original shows it."""
    number = str(course.uuid)
    return {
        "uuid": number,
        "title": course.title,
        "author_name": course.author_name,
        "overview": course.overview,
        "description": course.description,
        "image_url": course.image_url,
        "edx_instance": course.instance.instance_url,
        "url": reverse("ccx_hub:course", kwargs={"course": number}, request=request),
        "modules": reverse("ccx_hub:modules", kwargs={"course": number}, request=request),
        "instructors": events.course_payload(course)["instructors"],
        "course_id": course.course_id,
    }


def module_json(course: Course, module: Module, request: Request) -> dict[str, Any]:
    """Return a module as the original shows it."""
    place = {"course": str(course.uuid)}
    return {
        "uuid": str(module.uuid),
        "title": module.title,
        "subchapters": module.subchapters,
        "course": reverse("ccx_hub:course", kwargs=place, request=request),
        "url": reverse("ccx_hub:module", kwargs={**place, "module": str(module.uuid)}, request=request),
    }
