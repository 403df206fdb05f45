"""All settings, derived from the environment. docs/settings.md lists them.

The data folder contains what the embedded default needs: keys, database, broker, static
files, sandbox. It is ``SERVERFLEET_DATA``, or ``var/`` if `make run` created it.
"""

import os
from pathlib import Path
from typing import Any

import drf_spectacular_sidecar
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from whitenoise.compress import Compressor

from serverfleet import broker, env, storage
from serverfleet.web import logs

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
SOURCE = "https://github.com/serverfleet/serverfleet"
COMMIT = env.read_text("SERVERFLEET_COMMIT")

DEBUG = env.read_bool("SERVERFLEET_DEBUG", default=False)

# Storage

DATA_DIR = storage.find_data_dir(BASE_DIR)
SANDBOX_DIR = (DATA_DIR or BASE_DIR / "var") / "sandbox"

SECRET_KEY = storage.read_key(DATA_DIR, "SERVERFLEET_SECRET_KEY", "secret-key")
SECRET_KEY_FALLBACKS = env.read_list("SERVERFLEET_SECRET_KEY_FALLBACKS")
ENCRYPTION_KEYS = env.parse_keys(
    storage.read_key(DATA_DIR, "SERVERFLEET_ENCRYPTION_KEYS", "encryption-keys"),
    source="SERVERFLEET_ENCRYPTION_KEYS",
)
# Stored beside the keys, not in the database, so that a copied database is recognised.
INSTALLATION_ID = storage.read_key(
    DATA_DIR, "SERVERFLEET_INSTALLATION_ID", "installation"
)

DATABASES = {"default": storage.find_database(DATA_DIR)}

_broker = broker.find_broker(DATA_DIR)
BROKER_URL, BROKER_SOCKET = _broker.url, _broker.socket
BROKER_SOCKET_BYTES = broker.SOCKET_BYTES
# Whether `make run` starts its own broker, in the data folder.
EMBEDS_BROKER = _broker.is_embedded
CACHES = {"default": _broker.cache}

# Django

INSTALLED_APPS = [
    "servers",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "csp",
]

MIDDLEWARE = [
    "serverfleet.web.middleware.log_requests",
    "serverfleet.web.error_pages.answer_clients",
    "csp.middleware.CSPMiddleware",
    "serverfleet.web.entrance.guard_entrance",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "serverfleet.web.middleware.RefusalMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "serverfleet.web.middleware.ActorMiddleware",
    "serverfleet.web.page_middleware.limit_pages",
    "serverfleet.web.page_middleware.require_own_password",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "serverfleet.urls"
# For one host name with many tools: all pages, calls and cookies are below a path.
SCRIPT_NAME = env.read_path("SERVERFLEET_SCRIPT_NAME")
FORCE_SCRIPT_NAME = SCRIPT_NAME or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = SCRIPT_NAME or "/"
WSGI_APPLICATION = "serverfleet.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"dashboard": "servers.dashboard.shared.tags"},
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LEAST_PASSWORD = 12  # characters
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": LEAST_PASSWORD},
    },
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in (
            "UserAttributeSimilarityValidator",
            "CommonPasswordValidator",
            "NumericPasswordValidator",
        )
    ),
]
CSRF_FAILURE_VIEW = "serverfleet.web.error_pages.csrf_failure"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = f"{SCRIPT_NAME}/static/"
# Only Swagger UI from the sidecar: its app would also bring Redoc's 5 MB.
SWAGGER_DIR = (
    Path(drf_spectacular_sidecar.__file__).parent
    / "static/drf_spectacular_sidecar/swagger-ui-dist"
)
STATICFILES_DIRS = [BASE_DIR / "static", ("swagger", SWAGGER_DIR)]
# Source maps are for developers. Compressing them would slow down a first start.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    *Compressor.SKIP_COMPRESS_EXTENSIONS,
    "map",
)
STATIC_ROOT = (DATA_DIR or BASE_DIR / "var") / "static"
STORAGES = {
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    }
}

# Safety

HOST = env.read_text("HOST", "127.0.0.1")
PORT = env.read_int("PORT", 8000, least=1)
_local = {"127.0.0.1", "localhost", "[::1]"}
_named = f"[{HOST}]" if ":" in HOST else HOST
ALLOWED_HOSTS = env.read_list(
    "SERVERFLEET_ALLOWED_HOSTS",
    sorted(_local | ({_named} - {"0.0.0.0", "[::]"})),  # noqa: S104 - removed
)
# Where instances reach ServerFleet, and which authorities its certificate is of if not
# those that their images trust.
PUBLIC_URL = env.read_public_url("SERVERFLEET_PUBLIC_URL")
PUBLIC_CA = env.read_authority("SERVERFLEET_PUBLIC_CA")
WEB_WORKERS = env.read_int("SERVERFLEET_WEB_WORKERS", 2, least=1)
WEB_THREADS = env.read_int("SERVERFLEET_WEB_THREADS", 16, least=1)
# How long a client may pause sending or reading during a request.
REQUEST_SECONDS = env.read_float("SERVERFLEET_REQUEST_SECONDS", 20, least=0.1)
# A proxy in front serves the pages over TLS. `make run` switches this off, for a first
# look on your own machine. Anything else must do so explicitly.
HTTPS = env.read_bool("SERVERFLEET_HTTPS", default=True)
CSRF_TRUSTED_ORIGINS = env.read_list("SERVERFLEET_TRUSTED_ORIGINS")
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if env.read_bool("SERVERFLEET_TRUST_PROXY", default=HTTPS)
    else None
)
# The number of proxies in front that append to X-Forwarded-For.
PROXY_COUNT = env.read_int(
    "SERVERFLEET_PROXY_COUNT", 1 if SECURE_PROXY_SSL_HEADER else 0
)
SECURE_SSL_REDIRECT = HTTPS
# Probes use plain HTTP to the process itself.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|varz|version|metrics)$"]
SECURE_HSTS_SECONDS = env.read_int("SERVERFLEET_HSTS_SECONDS", 31536000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "servers.access.sessions"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = env.read_int("SERVERFLEET_SESSION_SECONDS", 12 * 3600, least=60)
SESSION_IDLE_SECONDS = env.read_int("SERVERFLEET_SESSION_IDLE_SECONDS", 2 * 3600)
# Pages on other hosts of the domain can't set cookies with this prefix.
_bound = "__Secure-" if SCRIPT_NAME else "__Host-"  # __Host- works only for the root
_prefix = _bound if HTTPS else ""
SESSION_COOKIE_NAME = f"{_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_prefix}csrftoken"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

if env.read_text("LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS"):
    raise ImproperlyConfigured(
        "LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS is set. libcloud would repeat a create "
        "call that timed out, and so create two instances. Unset it."
    )

# The loopback and private addresses that accounts' endpoints may have.
PRIVATE_ENDPOINTS = env.read_allowed("SERVERFLEET_ALLOW_PRIVATE_ENDPOINTS")

# The API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "servers.api.shared.auth.TokenAuthentication",
        "servers.api.shared.auth.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["servers.api.shared.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["servers.api.shared.renderers.ORJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["servers.api.shared.parsers.ORJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "servers.api.shared.renderers.AlwaysJSON",
    "EXCEPTION_HANDLER": "servers.api.shared.errors.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "servers.api.schema.generate.OperationSchema",
    "SCHEMA_COERCE_PATH_PK": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ServerFleet",
    "DESCRIPTION": "Servers for builds, created and destroyed exactly once.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "servers.api.schema.generate.Generator",
    "POSTPROCESSING_HOOKS": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
}
# Whether a web process may cache encoded servers, with their secrets, in memory.
CACHE_SECRETS = env.read_bool("SERVERFLEET_CACHE_SECRETS", default=True)
# Requests per minute, per token or person, and per address without one. 0 is off.
RATE_TOKEN = env.read_int("SERVERFLEET_RATE_TOKEN", 6000)
RATE_ADDRESS = env.read_int("SERVERFLEET_RATE_ADDRESS", 600)
METRICS_TOKEN = env.read_secret("SERVERFLEET_METRICS_TOKEN")
METRICS_OPEN = env.read_bool("SERVERFLEET_METRICS_OPEN", default=False)

# The workers. Celery's own settings are in serverfleet/celery_settings.py.

TICK_SECONDS = env.read_float("SERVERFLEET_TICK_SECONDS", 1.0, least=0.05)
# The same as `celery worker -c`. No account may fill all threads with calls that hang.
WORKER_THREADS = env.read_int("SERVERFLEET_WORKER_THREADS", 16, least=1)
# Seconds without a sign of life after which `make run` kills a process; 0 is never.
HANG_SECONDS = env.read_float("SERVERFLEET_HANG_SECONDS", 15)

# The lifecycle, in seconds

PENDING_DEADLINE = env.read_float("SERVERFLEET_PENDING_DEADLINE", 600, least=1)
BOOT_DEADLINE = env.read_float("SERVERFLEET_BOOT_DEADLINE", 600, least=1)
ERROR_RETENTION = env.read_float("SERVERFLEET_ERROR_RETENTION", 3600)
STOPPED_RETENTION = env.read_float("SERVERFLEET_STOPPED_RETENTION", 86400)
# How long what had no capacity is skipped, by all servers, if there is another choice.
CAPACITY_MEMORY = env.read_int("SERVERFLEET_CAPACITY_MEMORY", 300, least=0)
# Between two checks of a running server's health, and how soon a drain looks again.
HEALTH_INTERVAL = env.read_float("SERVERFLEET_HEALTH_INTERVAL", 60, least=0.1)
DRAIN_RECHECK = env.read_float("SERVERFLEET_DRAIN_RECHECK", 5, least=0)
CREATE_TRIES = env.read_int("SERVERFLEET_CREATE_TRIES", 3, least=1)

# A server's certificates can't be renewed on its instance, so this bounds its life.
CERTIFICATE_DAYS = env.read_int("SERVERFLEET_CERTIFICATE_DAYS", 365, least=1)
# Instances let only these connect to Docker's port; () lets all.
OWN_ADDRESSES = env.read_networks("SERVERFLEET_OWN_ADDRESSES")

LOG_LEVEL = env.read_text("SERVERFLEET_LOG_LEVEL", "INFO").upper()
LOGGING = logs.build_config(
    env.read_text("SERVERFLEET_LOG_FORMAT", "console"), level=LOG_LEVEL
)
os.environ.setdefault("PYTHONUNBUFFERED", "1")
