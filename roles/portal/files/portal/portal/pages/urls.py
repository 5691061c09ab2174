# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the pages."""

from django.urls import path

from . import account, asking, following, frame, home, joining, orders, people, signin, vms

urlpatterns = [
    path("", home.home),
    path("files/<str:name>", frame.file),
    path("sign-in", signin.sign_in),
    path("sign-up", joining.sign_up),
    path("sign-up/<str:token>", joining.on_the_way),
    path("join/<str:token>", joining.join),
    path("sign-ups", people.sign_ups),
    path("sign-out", signin.sign_out),
    path("search", home.search),
    path("projects/<str:name>", home.project),
    path("projects/<str:name>/order", orders.order),
    path("projects/<str:name>/people", people.of_project),
    path("projects/<str:name>/invitations/<str:token>/withdraw", people.withdraw),
    path("people/<str:name>", people.person),
    path("vms/<str:name>", vms.vm),
    path("vms/<str:name>/change", orders.change),
    path("vms/<str:name>/components/<str:component>", orders.component),
    path("ask", asking.ask),
    path("requests", following.requests),
    path("requests/<str:id_>", following.one_request),
    path("requests/<str:id_>/cancel", following.cancel),
    path("requests/<str:id_>/undo", following.undo),
    path("account", account.account),
    path("account/sessions/<str:name>/end", account.end),
]
