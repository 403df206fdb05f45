"""The URLs of the pages."""

from django.urls import path, register_converter

from servers.dashboard import activity, leaks, overview, switches, system
from servers.dashboard.accounts import acts as account_acts
from servers.dashboard.accounts import catalogue as account_catalogue
from servers.dashboard.accounts import edit as account_edit
from servers.dashboard.accounts import pages as account_pages
from servers.dashboard.guide import Guide
from servers.dashboard.jump import Jump
from servers.dashboard.people import acts as person_acts
from servers.dashboard.people import own, tokens
from servers.dashboard.people import pages as people_pages
from servers.dashboard.people.login import LogIn, LogOut, LogOutEverywhere
from servers.dashboard.pools import acts as pool_acts
from servers.dashboard.pools import edit as pool_edit
from servers.dashboard.pools import hooks as queue_hooks
from servers.dashboard.pools import pages as pool_pages
from servers.dashboard.pools import queues as queue_pages
from servers.dashboard.pools.replay import PoolReplay, UseSetting
from servers.dashboard.servers import acts as server_acts
from servers.dashboard.servers.bulk import ActOnServers
from servers.dashboard.servers.detail import CertificateFile, ServerPage
from servers.dashboard.servers.listing import Download, ServerList
from servers.dashboard.servers.paths import ServerName
from servers.dashboard.servers.saved_views import DeleteView, SaveView
from servers.dashboard.start import FirstSteps
from servers.dashboard.templates import edit as template_edit
from servers.dashboard.templates import pages as template_pages
from servers.dashboard.templates.preview import PreviewPage
from servers.dashboard.theme import ChooseTheme

register_converter(ServerName, "server")
_NAME = "servers/<server:name>/"
_ACCOUNT = "accounts/<str:name>/"
_PERSON = "people/<int:pk>/"
_POOL = "pools/<str:name>/"
_QUEUE = "queues/<str:name>/"
_TEMPLATE = "templates/<str:name>/"

urlpatterns = [
    path("", overview.Overview.as_view(), name="overview"),
    path("login/", LogIn.as_view(), name="login"),
    path("logout/", LogOut.as_view(), name="logout"),
    path("logout/everywhere/", LogOutEverywhere.as_view(), name="logout-everywhere"),
    path("theme/", ChooseTheme.as_view(), name="theme"),
    path("servers/", ServerList.as_view(), name="servers"),
    path("servers.csv", Download.as_view(), name="servers-csv"),
    path("servers.json", Download.as_view(file_format="json"), name="servers-json"),
    path("views/new/", SaveView.as_view(), name="save-view"),
    path("views/delete/", DeleteView.as_view(), name="delete-view"),
    path("servers/act/", ActOnServers.as_view(), name="act-on-servers"),
    path("servers/new/", server_acts.NewServer.as_view(), name="new-server"),
    path(_NAME, ServerPage.as_view(), name="server"),
    path(f"{_NAME}edit/", server_acts.Edit.as_view(), name="edit-server"),
    path(
        f"{_NAME}files/<str:file>", CertificateFile.as_view(), name="certificate-file"
    ),
    *(
        path(f"{_NAME}{act}/", view, name=act)
        for act, view in (
            ("terminate", server_acts.Terminate.as_view()),
            ("retry", server_acts.Retry.as_view()),
            ("cordon", server_acts.Cordon.as_view()),
            ("uncordon", server_acts.Cordon.as_view(cordoned=False)),
            ("protect", server_acts.Protect.as_view()),
            ("unprotect", server_acts.Protect.as_view(protected=False)),
        )
    ),
    path("guide/", Guide.as_view(), name="guide"),
    path("guide/<str:page>/", Guide.as_view(), name="guide-page"),
    path("start/", FirstSteps.as_view(), name="start"),
    path("jump/", Jump.as_view(), name="jump"),
    path("leaks/", leaks.LeaksPage.as_view(), name="leaks"),
    path("leaks/<int:pk>/adopt/", leaks.Adopt.as_view(), name="adopt-unowned"),
    path(
        "leaks/leftovers/<int:pk>/delete/",
        leaks.Delete.as_view(),
        name="delete-leftover",
    ),
    path("leaks/destroy-held/", leaks.DestroyHeld.as_view(), name="destroy-held"),
    path("leaks/<int:pk>/destroy/", leaks.Destroy.as_view(), name="destroy-unowned"),
    path("account/password/", own.OwnPassword.as_view(), name="own-password"),
    path(
        "account/confirm/",
        own.ConfirmPassword.as_view(),
        name="confirm-password",
    ),
    path("people/", people_pages.PeopleList.as_view(), name="people"),
    path("people/new/", people_pages.NewPerson.as_view(), name="new-person"),
    path(_PERSON, people_pages.PersonPage.as_view(), name="person"),
    *(
        path(f"{_PERSON}{act}/", view.as_view(), name=f"{act}-person")
        for act, view in person_acts.ACTS.items()
    ),
    path("tokens/", tokens.TokenList.as_view(), name="tokens"),
    path("tokens/new/", tokens.NewToken.as_view(), name="new-token"),
    path(
        "tokens/<str:public_id>/revoke/",
        tokens.RevokeToken.as_view(),
        name="revoke-token",
    ),
    path("accounts/", account_pages.AccountList.as_view(), name="accounts"),
    path("accounts/new/", account_edit.NewAccount.as_view(), name="new-account"),
    path(_ACCOUNT, account_pages.AccountPage.as_view(), name="account"),
    *(
        path(f"{_ACCOUNT}{act}/", view, name=f"{act}-account")
        for act, view in (
            ("change", account_edit.EditAccount.as_view()),
            ("test", account_acts.TestAccount.as_view()),
            ("scan", account_acts.ScanAccount.as_view()),
            ("catalogue", account_catalogue.CataloguePage.as_view()),
            ("offers", account_catalogue.OfferList.as_view()),
            ("refresh-catalogue", account_catalogue.RefreshCatalogue.as_view()),
            ("close-breaker", account_acts.CloseBreaker.as_view()),
            ("enable", account_acts.SwitchAccount.as_view()),
            ("disable", account_acts.SwitchAccount.as_view(enabled=False)),
            ("delete", account_acts.DeleteAccount.as_view()),
        )
    ),
    path("pause/", switches.Pause.as_view(), name="pause"),
    path("resume/", switches.Resume.as_view(), name="resume"),
    path("freeze/", switches.Freeze.as_view(), name="freeze"),
    path("unfreeze/", switches.Unfreeze.as_view(), name="unfreeze"),
    path("scan/", switches.Scan.as_view(), name="scan"),
    path("reclose/", switches.Reclose.as_view(), name="reclose"),
    path("activity/", activity.Activity.as_view(), name="activity"),
    path("system/", system.SystemPage.as_view(), name="system"),
    path("confirm/", switches.ConfirmFleet.as_view(), name="confirm-fleet"),
    path("pools/", pool_pages.PoolList.as_view(), name="pools"),
    path("pools/new/", pool_edit.NewPool.as_view(), name="new-pool"),
    path("queues/new/", queue_pages.NewQueue.as_view(), name="new-queue"),
    path(_QUEUE, queue_pages.QueuePage.as_view(), name="queue"),
    *(
        path(f"{_QUEUE}{act}/", view, name=f"{act}-queue")
        for act, view in (
            ("change", queue_pages.EditQueue.as_view()),
            ("test", queue_pages.TestQueue.as_view()),
            ("enable", queue_pages.SwitchQueue.as_view()),
            ("disable", queue_pages.SwitchQueue.as_view(enabled=False)),
            ("delete", queue_pages.DeleteQueue.as_view()),
            ("hook", queue_hooks.SetHook.as_view()),
            ("remove-hook", queue_hooks.RemoveHook.as_view()),
        )
    ),
    path(f"{_POOL}change/", pool_edit.EditPool.as_view(), name="change-pool"),
    path(_POOL, pool_pages.PoolPage.as_view(), name="pool"),
    path(f"{_POOL}replay/", PoolReplay.as_view(), name="replay-pool"),
    path(f"{_POOL}use/", UseSetting.as_view(), name="use-setting"),
    path(f"{_POOL}policy/", pool_acts.UsePolicy.as_view(), name="use-policy"),
    path(f"{_POOL}delete/", pool_acts.DeletePool.as_view(), name="delete-pool"),
    *(
        path(f"{_POOL}{act}/", view, name=f"{act}-pool")
        for act, view in pool_acts.SWITCHES.items()
    ),
    path("templates/", template_pages.TemplateList.as_view(), name="templates"),
    path("templates/new/", template_edit.NewTemplate.as_view(), name="new-template"),
    path(_TEMPLATE, template_pages.TemplatePage.as_view(), name="template"),
    path(
        f"{_TEMPLATE}user-data/",
        PreviewPage.as_view(),
        name="preview-template",
    ),
    path(f"{_TEMPLATE}trial/", template_pages.TrialPage.as_view(), name="trial"),
    *(
        path(f"{_TEMPLATE}{act}/", view, name=f"{act}-template")
        for act, view in (
            ("change", template_edit.EditTemplate.as_view()),
            ("try", template_edit.TryTemplate.as_view()),
            ("default", template_edit.DefaultTemplate.as_view()),
            ("delete", template_edit.DeleteTemplate.as_view()),
        )
    ),
]
