"""The addresses of a portal: ``path("", include("ccx_tenancy.portal.urls"))``."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from ccx_tenancy.portal import rest, views

app_name = "ccx_portal"


class NameConverter(StringConverter):
    """A part of a path without a NUL, which PostgreSQL takes for no text."""

    regex = r"[^/\x00]+"


register_converter(NameConverter, "ccx_name")

urlpatterns = [
    path("", views.catalogue_page, name="catalogue"),
    path("courses/<ccx_name:uuid>/", views.course_page, name="course"),
    path("teach/", views.owned_page, name="owned"),
    path("teach/<ccx_name:uuid>/", views.edit_page, name="edit"),
    path("cart/", views.cart_page, name="cart"),
    path("checkout/", views.checkout_page, name="checkout"),
    path("orders/", views.orders_page, name="orders"),
    path("orders/<ccx_name:number>/", views.order_page, name="order"),
    path("orders/<ccx_name:number>/set-up/", views.set_up_page, name="set_up"),
    path("orders/<ccx_name:number>/invoice/", views.invoice_page, name="invoice"),
    path("link/", views.link_page, name="link"),
    path("account/", views.account_page, name="account"),
    path("sign-in/", views.sign_in_page, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("register/", views.register_page, name="register"),
    path("activate/", views.activate_page, name="activate"),
    path("password/", views.reset_page, name="reset"),
    path("password/<ccx_name:uid>/<ccx_name:token>/", views.new_password_page, name="new_password"),
    path("gateway/notify/", views.gateway_notify, name="gateway_notify"),
    path("api/v1/webhooks/ccxcon/", rest.webhook, name="webhook"),
    path("api/v1/courses/", rest.Courses.as_view(), name="api_courses"),
    path("api/v1/courses/<ccx_name:uuid>/", rest.CourseDetail.as_view(), name="api_course"),
    path("api/v1/course_permissions/<ccx_name:uuid>/", rest.CoursePermissions.as_view(), name="api_permissions"),
    path("api/v1/checkout/", rest.Checkout.as_view(), name="api_checkout"),
    path("api/v1/register/", rest.Register.as_view(), name="api_register"),
    path("api/v1/activate/", rest.Activate.as_view(), name="api_activate"),
    path("api/v1/login/", rest.Login.as_view(), name="api_login"),
    path("api/v1/logout/", rest.Logout.as_view(), name="api_logout"),
]
