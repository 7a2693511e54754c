"""A provider that is away or slow holds nothing up but the sign-ins by it."""

from contextlib import ExitStack
from uuid import uuid4

from django.core.cache import cache
from django.test import Client

from portal import single_sign_on
from tests.portal.single_sign_on.visits import begin, come_back, held


class TestProvidersThatFail:
    def test_a_provider_that_is_away_is_said_so(self, cast, ready) -> None:
        cache.clear()
        ready.discovery = {"issuer": "https://another.example.com"}

        assert Client().get(f"/accounts/single-sign-on/{cast.tenant.pk}/").status_code == 502

    def test_a_provider_that_is_away_is_asked_once_and_the_next_is_told_at_once(self, cast, ready) -> None:
        ready.discovery = {"issuer": "https://another.example.com"}
        page = f"/accounts/single-sign-on/{cast.tenant.pk}/"

        answers = [Client().get(page), Client().get(page), Client().post(page)]

        assert [answer.status_code for answer in answers] == [502] * 3
        assert all("gives no answer that we can use" in answer.content.decode() for answer in answers)
        assert len(ready.server.asked) == 1

    def test_a_slow_provider_holds_no_more_than_two_of_those_who_begin(self, cast, ready) -> None:
        page = f"/accounts/single-sign-on/{cast.tenant.pk}/"
        with held(ready, 2, lambda: Client().get(page).status_code) as waiting:
            refused = Client().get(page)
            asked = len(ready.server.asked)

        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert "load this page again" in refused.content.decode()
        assert asked == 2
        assert waiting == [200, 200]
        assert Client().get(page).status_code == 200

    def test_slow_providers_together_hold_no_more_than_half_of_the_web_servers_threads(self, cast, ready) -> None:
        page = f"/accounts/single-sign-on/{cast.tenant.pk}/"
        with ExitStack() as others:
            for _ in range(4):
                tenant_id = uuid4()
                for _ in range(2):
                    others.enter_context(single_sign_on._place(tenant_id))
            refused = Client().get(page)

        assert refused.status_code == 503
        assert Client().get(page).status_code == 200

    def test_a_slow_provider_holds_no_more_than_two_of_those_who_come_back_and_the_third_tries_again(
        self, cast, ready
    ) -> None:
        browsers = [Client() for _ in range(3)]
        backs = [ready.sign_in(begin(browser, cast.tenant), "viewer@example.com") for browser in browsers]
        coming = iter(zip(browsers[:2], backs[:2], strict=True))

        with held(ready, 2, lambda: come_back(*next(coming)).status_code) as waiting:
            refused = come_back(browsers[2], backs[2])
            elsewhere = Client().get(f"/accounts/single-sign-on/{cast.tenant.pk}/").status_code
        again = come_back(browsers[2], backs[2])

        assert (refused.status_code, elsewhere) == (503, 200), "what is known of the provider needs no place"
        assert waiting == [302, 302]
        assert again["Location"] == f"/tenants/{cast.tenant.pk}/connections/"
