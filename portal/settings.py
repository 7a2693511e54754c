"""Settings of every process: web, worker, beat and commands. Everything comes from the environment.

`ROLEBRIDGE_MODE` is `production` (the default), `local` (set by `make run`) or `test`. Production has no usable default
for a secret or an address: what is missing stops the process at boot, by name, with a hint. `local` takes what
`portal.local` wrote to `.local/environment`, so that any command works beside a running `make run`.
A secret `NAME` may come from a file instead, by `NAME_FILE`.
"""

import ssl
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from portal import admin_theme, beat_schedule, databases
from portal.environment import (
    BASE_DIR,
    LOCAL_DIR,
    MODE,
    PRODUCTION,
    contact_address,
    environment,
    https_address,
    language,
    listed,
    networks,
    number,
    outside_production,
    setting,
)
from portal.plaintext import PARTS, given_to_libpq, in_the_clear

# --- The web server -------------------------------------------------------------------------------------------------

SECRET_KEY = setting(
    "SECRET_KEY", "Set it to 50 or more random characters.", outside_production("only-outside-production")
)
# What was sealed or signed with an earlier SECRET_KEY can still be read (tenants.secrets), separated by spaces.
SECRET_KEY_FALLBACKS = setting("SECRET_KEY_FALLBACKS", "", " ").split()
BASE_URL = setting(
    "BASE_URL",
    "Set it to the address customers see, such as https://access.example.com.",
    outside_production("http://127.0.0.1:8000"),
)
_base = urlsplit(BASE_URL)
if PRODUCTION and _base.scheme != "https":
    raise ImproperlyConfigured("BASE_URL must start with https:// in production.")
ALLOWED_HOSTS = [_base.hostname or ""] if PRODUCTION else ["127.0.0.1", "localhost", "testserver"]
CSRF_TRUSTED_ORIGINS = [f"{_base.scheme}://{_base.netloc}"]
DEBUG = False
WSGI_APPLICATION = "portal.wsgi.application"
ROOT_URLCONF = "portal.urls"
APPEND_SLASH = True

SECURE_SSL_REDIRECT = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]  # asked for by the orchestrator, inside the network
SECURE_HSTS_SECONDS = 2 * 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
# Browsers take cookies of such names from this very host alone, so that no neighbouring subdomain can set one.
_prefix = "__Host-" if PRODUCTION else ""  # it needs Secure
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_prefix}sessionid", f"{_prefix}csrftoken"
KNOWN_BROWSER_COOKIE_NAME = f"{_prefix}known-browser"  # portal.known_browser
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = number("SESSION_HOURS", 12) * 3600  # since somebody was last asked who it is
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # the largest thing anyone sends is a form or a small JSON document
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 0  # nobody sends a file

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

INSTALLED_APPS = [
    "portal",
    "integrations",
    "tenants",
    "unfold.apps.BasicAppConfig",
    "portal.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    "portal.middleware.request_id",
    "portal.middleware.health_probes",
    "portal.middleware.NameInHand",
    "portal.metrics.count_requests",
    "portal.middleware.shed_load",
    "portal.tracing.trace_requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.permissions_policy",
    "portal.middleware.page_methods",
    "portal.middleware.english_where_nothing_is_translated",
    "portal.middleware.hold_catalogue",
    "portal.middleware.readable_text",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.session_age.end_old_sessions",
    "portal.middleware.keep_no_page",
    "portal.middleware.staff_database",
    "portal.middleware.AccessRules",
]

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
                "portal.context.product",
            ],
        },
    }
]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None  # elsewhere files are served from where they are
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is uploaded
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION

# --- Data: one URL per database role (docs/adr/0004) ------------------------------------------------------------------

DATABASES = databases.configured()
DATABASE_ROUTERS = ["tenants.scope.DatabaseRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_cache_address = setting("CACHE_URL", "Set it to rediss://HOST:PORT/1.", outside_production("redis://127.0.0.1:6379/1"))
CACHES = {
    "default": {
        "BACKEND": "portal.cache.SignedRedisCache",
        "VERSION": 2,  # 1 was not signed; while both releases run, neither reads the other's
        "LOCATION": _cache_address,
        "OPTIONS": {"socket_timeout": 3, "socket_connect_timeout": 3},
    }
}

# --- People -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if MODE == "test"
    else ["django.contrib.auth.hashers.ScryptPasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in [
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    ]
] + [{"NAME": "portal.passwords.MaximumLengthValidator"}]
PASSWORD_RESET_TIMEOUT = 3600  # seconds that the link in a mail is good for
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "portal.signup.OrganisationForm"
ACCOUNT_FORMS = {"signup": "portal.signup_form.SignupForm"}
# How many proxies before us append to X-Forwarded-For: each visitor has a login budget of their own.
ALLAUTH_TRUSTED_PROXY_COUNT = number("TRUSTED_PROXY_COUNT", 1 if PRODUCTION else 0)
# With a code sent by email, a sign-up with a known address gets the same answer as one with a new address.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""  # the default puts the host's name in brackets before each subject
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600  # seconds
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PREVENT_ENUMERATION = True
# Wrong passwords of one account (portal.signup), and of one in a browser that it has signed in with before.
ACCOUNT_RATE_LIMITS = {"login_failed_anywhere": "100/h/key", "login_failed_in_known_browser": "10/h/key"}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True  # one address at a time: the new one takes the old one's place once it is proved
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # an open browser is not enough to change how somebody signs in
ACCOUNT_EMAIL_NOTIFICATIONS = True  # whoever changes it, its owner learns of it
SOCIALACCOUNT_ADAPTER = "portal.single_sign_on.SingleSignOnAdapter"
MFA_ADAPTER = "portal.second_factor.MFAAdapter"
# An address is proved at sign-up before anybody gets in; without this nobody with a second factor could change theirs.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("home")
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme
ACCOUNT_ADAPTER = "portal.signup.AccountAdapter"

DEFAULT_FROM_EMAIL = setting(
    "EMAIL_FROM", "Set it to the sender of mails.", outside_production("portal@rolebridge.local")
)
if PRODUCTION:
    _mail_address = setting("EMAIL_URL", "Set it to smtp+tls://USER:PASSWORD@HOST:587.")
    _mail = urlsplit(_mail_address)
    _mail_ports = {"smtp+tls": 587, "smtp+ssl": 465, "smtp": 25}
    if _mail.scheme not in _mail_ports:
        raise ImproperlyConfigured("EMAIL_URL must start with smtp+tls:// (STARTTLS) or smtp+ssl:// (TLS at once).")
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.scheme == "smtp+tls", _mail.scheme == "smtp+ssl"
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or _mail_ports[_mail.scheme]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
else:
    _mail_address = ""
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = LOCAL_DIR / "mail"  # shown at /_mail/
EMAIL_TIMEOUT = 10

# --- The queue --------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = setting(
    "CELERY_BROKER_URL",
    "Set it to rediss://HOST:PORT/0 or another broker.",
    outside_production("redis://127.0.0.1:6379/0"),
)
for _name in ("CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
    if environment.get(_name):  # Celery would take it from there, past everything that is held to the one above
        raise ImproperlyConfigured(f"{_name} is set: CELERY_BROKER_URL alone says where the broker is. Unset it.")
_broker = urlsplit(CELERY_BROKER_URL)
if _broker.scheme in {"redis", "rediss"}:
    CELERY_BROKER_TRANSPORT = "portal.broker:Transport"
if _broker.scheme == "rediss" and "ssl_" not in _broker.query:
    # kombu looks at the name of its own transport, and would then check no certificate.
    CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
CELERY_TASK_IGNORE_RESULT = True  # results are rows
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
# `integrations.tasks.run_verification` is sent to `verifications` or `scheduled_verifications`, and
# `integrations.tasks.deliver_webhooks` to `webhooks`.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # with late acknowledgement, a worker takes what it can start and no more
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A customer waits while a task is sent: say soon that the queue is away.
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5, "max_retries": 0}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULE = beat_schedule.SCHEDULE
VERIFICATION_LEASE_SECONDS = number("VERIFICATION_LEASE_SECONDS", 30)
# How long a worker that is told to stop finishes what it runs; then it hands it back. Less than what the platform waits
# before it kills (ECS and Kubernetes: 30 seconds).
WORKER_GRACE_SECONDS = number("WORKER_GRACE_SECONDS", 20)
# Findings are rolled up into counts after these days; verifications and receipts of sessions are deleted after those.
FINDINGS_KEPT_DAYS = number("FINDINGS_KEPT_DAYS", 90)
VERIFICATIONS_KEPT_DAYS = number("VERIFICATIONS_KEPT_DAYS", 400)
if not 31 <= FINDINGS_KEPT_DAYS <= VERIFICATIONS_KEPT_DAYS:
    raise ImproperlyConfigured(
        "FINDINGS_KEPT_DAYS must be 31 or more, since pages show the last 30 days, and no more than "
        "VERIFICATIONS_KEPT_DAYS."
    )
MOST_CONNECTIONS_PER_TENANT = number("MOST_CONNECTIONS_PER_TENANT", 500)
MOST_WEBHOOK_ENDPOINTS_PER_TENANT = number("MOST_WEBHOOK_ENDPOINTS_PER_TENANT", 10)
MOST_API_TOKENS_PER_TENANT = number("MOST_API_TOKENS_PER_TENANT", 100)
MOST_HAND_OFF_LINKS_PER_TENANT = number("MOST_HAND_OFF_LINKS_PER_TENANT", 500)
MOST_VERIFICATIONS_AN_HOUR_PER_TENANT = number("MOST_VERIFICATIONS_AN_HOUR_PER_TENANT", 3000)

# What waited longer for a thread than this is answered 503 at once, where a proxy says when it was sent; 0 never.
SHED_AFTER_SECONDS = number("SHED_AFTER_SECONDS", 3)

# --- Encryption towards the servers above (portal.plaintext) ---------------------------------------------------------

PLAINTEXT_ALLOWED_TO = listed("PLAINTEXT_ALLOWED_TO")
for _part in PLAINTEXT_ALLOWED_TO:
    if _part not in PARTS:
        raise ImproperlyConfigured(f"PLAINTEXT_ALLOWED_TO holds {_part!r}; use {', '.join(PARTS)}.")
IN_THE_CLEAR = in_the_clear(
    databases={databases.ADDRESSES[alias]: given_to_libpq(one) for alias, one in DATABASES.items()},
    broker=CELERY_BROKER_URL,
    cache=_cache_address,
    mail=_mail_address,
)
for _one in IN_THE_CLEAR:
    if PRODUCTION and _one.part not in PLAINTEXT_ALLOWED_TO:
        raise ImproperlyConfigured(_one.refusal)

# --- Metrics: a port of its own in each process, 0 for none (portal.metrics) -----------------------------------------

METRICS_PORT = number("METRICS_PORT", 0)
METRICS_HOST = setting("METRICS_HOST", "", "127.0.0.1")

# --- AWS --------------------------------------------------------------------------------------------------------------

CATALOGUE_FILE = Path(setting("CATALOGUE_FILE", "", str(BASE_DIR / "catalogue.yaml")))
VENDOR_ACCOUNT_ID = setting(
    "VENDOR_ACCOUNT_ID", "Set it to your own 12-digit AWS account id.", outside_production("111111111111")
)
VENDOR_PARTITION = setting("VENDOR_PARTITION", "", "aws")
VENDOR_REGION = setting("VENDOR_REGION", "", "us-east-1")
# How customer roles name the role they trust: as their principal, or in a condition beside our account. The second
# survives a recreated role, at the price of a wider principal.
CUSTOMER_TRUST_FORM = setting("CUSTOMER_TRUST_FORM", "", "pinned")
if CUSTOMER_TRUST_FORM not in {"pinned", "account-root"}:
    raise ImproperlyConfigured(f"CUSTOMER_TRUST_FORM is {CUSTOMER_TRUST_FORM!r}; use pinned or account-root.")
# For the "Launch stack" link: a bucket of the vendor's, in the same partition. Empty: the page offers the download.
TEMPLATE_BUCKET = environment.get("TEMPLATE_BUCKET", "")
TEMPLATE_BUCKET_REGION = setting("TEMPLATE_BUCKET_REGION", "", VENDOR_REGION)
TEMPLATE_BUCKET_ACCESS = setting("TEMPLATE_BUCKET_ACCESS", "", "public-read")
if TEMPLATE_BUCKET_ACCESS not in {"public-read", "presigned"}:
    raise ImproperlyConfigured(f"TEMPLATE_BUCKET_ACCESS is {TEMPLATE_BUCKET_ACCESS!r}; use public-read or presigned.")
# The vendor's terms, which whoever signs up agrees to, and its privacy notice. Empty: none is shown.
TERMS_URL, PRIVACY_URL = https_address("TERMS_URL"), https_address("PRIVACY_URL")
# Whom a finder of a flaw writes to (portal.security_txt). Empty: nothing is published.
SECURITY_CONTACT = contact_address("SECURITY_CONTACT")
# Shown to customers, so that their alarms know our calls: addresses or networks, with commas between them.
EGRESS_ADDRESSES = networks("EGRESS_ADDRESSES")
# Calls to addresses that customers name (tenants/outbound.py). `make run` and the tests call servers on this machine,
# and without TLS; `check --deploy` refuses this in production.
OUTBOUND_MAY_REACH_LOOPBACK = setting("OUTBOUND_MAY_REACH_LOOPBACK", "", "no") == "yes"
# Public addresses that are the vendor's own and not for customers to call, such as those of a NAT64 gateway.
OUTBOUND_REFUSED_NETWORKS = [ip_network(part) for part in networks("OUTBOUND_REFUSED_NETWORKS")]
# Set by `make run` to the sandbox; boto3 reads the same variable. Production leaves it empty and meets AWS itself.
AWS_ENDPOINT_URL = environment.get("AWS_ENDPOINT_URL", "")
if PRODUCTION and AWS_ENDPOINT_URL:
    raise ImproperlyConfigured("AWS_ENDPOINT_URL is set: production must talk to AWS itself. Unset it.")

# AssumeRole calls of all verifications together. AWS answers 600 a second per account and region (docs/production.md).
STS_CALLS_PER_SECOND = number("STS_CALLS_PER_SECOND", 300)

# --- API --------------------------------------------------------------------------------------------------------------

# 0 sets no limit. A third of them may come at once.
API_CALLS_PER_MINUTE_OF_A_TOKEN = number("API_CALLS_PER_MINUTE_OF_A_TOKEN", 600)
API_CALLS_PER_MINUTE_OF_A_TENANT = number("API_CALLS_PER_MINUTE_OF_A_TENANT", 1800)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.api.permissions.DeclaredPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tenants.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rolebridge API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "DISABLE_ERRORS_AND_WARNINGS": False,
    "ENUM_NAME_OVERRIDES": {
        "StateEnum": "integrations.models.verification.Verification.State",
        "WebhookDeliveryStateEnum": "tenants.models.webhook.WebhookDelivery.State",
        "ExternalIdRotationStateEnum": "integrations.api.external_id_rotation.STATES",
        "RoleTemplateFormatEnum": "integrations.role_templates.formats.CHOICES",
    },
}

# --- Language and logs ------------------------------------------------------------------------------------------------

LOCALE_PATHS = [Path(setting("LOCALE_DIR", "", str(BASE_DIR / "locale")))]  # where a translation goes
LANGUAGE_CODE = language("LANGUAGE_CODE", translations=LOCALE_PATHS[0])
TIME_ZONE = "UTC"
USE_TZ = True
# The texts themselves are the English ones: to look each of them up took a twentieth of the time of a page.
USE_I18N = LANGUAGE_CODE != "en"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "portal.logs.Context"}},
    "formatters": {
        "line": {
            "()": "portal.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s"
            " [%(request_id)s %(tenant_id)s %(connection_id)s %(verification_id)s] %(message)s",
        },
        "json": {"()": "portal.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if PRODUCTION else "line",
            "filters": ["context"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"botocore": {"level": "WARNING"}, "urllib3": {"level": "WARNING"}},
}
UNFOLD = admin_theme.UNFOLD
