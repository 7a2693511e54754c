"""The pages of a tenant's own settings."""

from django.urls import path

from tenants.views import tokens

urlpatterns = [
    path("tenants/<uuid:tenant_id>/api-tokens/", tokens.api_tokens, name="api_tokens"),
    path(
        "tenants/<uuid:tenant_id>/api-tokens/<uuid:token_id>/revoke/", tokens.api_token_revoke, name="api_token_revoke"
    ),
]
