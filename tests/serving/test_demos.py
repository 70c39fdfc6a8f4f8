"""Demos: made from a signature, opened and closed at run time, for who may use the project, with feedback kept."""

import json
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from small_platform import Small, until

import serving
import tenancy
from atrium.identity import IDENTITY_HEADER, Actor, Kind, Role, mint_identity
from serving.demos.answers import in_words
from serving.demos.fields import Form, form_of
from serving.demos.filling import typical
from serving.demos.page import labels
from serving.demos.sketches import shrink
from serving.demos.words import LABELS, SENTENCES
from serving.reconcile import reconcile

GOOD = ["AA", "JFK", 9, 1000]


@pytest.fixture(scope="module")
def ada(platform: Small) -> Actor:
    return tenancy.actor_of_token(platform.token)


def _client(platform: Small, item: str, who: Actor | None) -> httpx.Client:
    headers = {"Host": f"{item}.localhost"} | ({IDENTITY_HEADER: mint_identity(who)} if who else {})
    transport = httpx.HTTPTransport(uds=f"{platform.home}/run/demos.sock")
    return httpx.Client(base_url="http://demos", headers=headers, transport=transport, timeout=30)


def _publish(platform: Small, ada: Actor, project: str, name: str, model: str, **more: bool) -> httpx.Client:
    serving.deploy(ada, project, name, model, "1")
    serving.publish_demo(ada, project, name, name, "A demo", **more)
    reconcile()
    client = _client(platform, f"{name}--{project}", ada)
    until(lambda: client.get("/").status_code == 200, "the demo", 30)
    return client


@pytest.fixture(scope="module")
def flights(platform: Small, ada: Actor) -> Iterator[httpx.Client]:
    client = _publish(platform, ada, "flights", "demo", "flight-delay")
    yield client
    client.close()


@pytest.fixture(scope="module")
def digits(platform: Small, ada: Actor) -> Iterator[httpx.Client]:
    client = _publish(platform, ada, "digits", "demo", "digit")
    yield client
    client.close()


def _predict(client: httpx.Client, data: list[object], **headers: str) -> list[object]:
    answer = client.post("/gradio_api/run/predict", json={"data": data}, headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def test_a_form_has_the_models_inputs_with_their_choices(flights: httpx.Client) -> None:
    endpoint = flights.get("/gradio_api/info").json()["named_endpoints"]["/predict"]
    assert [one["parameter_name"] for one in endpoint["parameters"]] == ["carrier", "origin", "hour", "distance"]
    assert endpoint["parameters"][1]["type"]["enum"] == ["EWR", "JFK", "LGA"]


def test_an_answer_is_in_words_of_the_visitors_language(flights: httpx.Client) -> None:
    html = str(_predict(flights, list(GOOD))[0])
    assert "Arrives more than 30 minutes late" in html and "of 100 such cases" in html
    assert "次中约有" in str(_predict(flights, list(GOOD), **{"Accept-Language": "zh-CN,zh;q=0.9"})[0])


@pytest.mark.parametrize(("place", "value", "told"), [(2, 99, "Hour"), (2, None, "Hour"), (3, 1, "Distance")])
def test_bad_input_gets_a_readable_message(flights: httpx.Client, place: int, value: object, told: str) -> None:
    data: list[object] = list(GOOD)
    data[place] = value
    html = str(_predict(flights, data)[0])
    assert "atrium-refused" in html and told in html


def test_classes_that_the_model_itself_names_are_told_by_these_names(platform: Small, ada: Actor) -> None:
    client = _publish(platform, ada, "digits", "flowers", "iris")
    html, label, *_ = _predict(client, [5.1, 3.5, 1.4, 0.2])
    client.close()
    assert '<div class="atrium-big">setosa</div>' in str(html)
    assert all(name in str(label) for name in ("setosa", "versicolor", "virginica"))


def test_an_unseen_category_is_refused_with_the_known_ones(flights: httpx.Client) -> None:
    answer = flights.post("/gradio_api/run/predict", json={"data": ["ZZ", *GOOD[1:]]})
    assert "ZZ" in answer.json()["error"] and "UA" in answer.json()["error"]


def test_a_sketch_of_a_one_is_seen_as_a_one(digits: httpx.Client) -> None:
    ink = [255 if 25 <= column <= 30 and 6 <= row <= 50 else 0 for row in range(56) for column in range(56)]
    assert '<div class="atrium-big">1</div>' in str(_predict(digits, [json.dumps(ink)])[0])


@pytest.mark.parametrize("drawn", ["", "[]", "no list", json.dumps([0] * 56 * 56)])
def test_an_empty_sketch_is_asked_for_again(digits: httpx.Client, drawn: str) -> None:
    assert "Draw something first" in str(_predict(digits, [drawn])[0])


def test_only_who_may_use_the_project_opens_its_demo(platform: Small, flights: httpx.Client) -> None:
    for who, status in ((None, 401), (Actor("otto", Kind.SESSION, {"digits": Role.ADMIN}), 403),
                        (Actor("vera", Kind.SESSION, {"flights": Role.VIEWER}), 200)):  # fmt: skip
        with _client(platform, "demo--flights", who) as client:
            assert client.get("/").status_code == status
            assert client.post("/gradio_api/run/predict", json={"data": GOOD}).status_code == status


def test_a_public_demo_opens_for_everybody_and_a_removed_one_for_nobody(platform: Small, ada: Actor) -> None:
    _publish(platform, ada, "flights", "open", "flight-delay", public=True).close()
    with _client(platform, "open--flights", None) as anybody:
        assert anybody.get("/").status_code == 200
        serving.unpublish_demo(ada, "flights", "open")
        until(lambda: anybody.get("/").status_code == 404, "the end of the demo", 10)


def test_a_demo_may_be_framed_by_the_portal_alone(flights: httpx.Client, platform: Small) -> None:
    policy = flights.get("/").headers["content-security-policy"]
    assert f"frame-ancestors 'self' http://localhost:{platform.port}" in policy and "connect-src 'self'" in policy


def test_a_demo_asks_with_a_token_of_its_own_that_opens_nothing_but_models(platform: Small, ada: Actor) -> None:
    text = tenancy.issue_content_token("ada", "flights", "demo probe")
    asked = httpx.get(f"{platform.url}/v2/models/digits--demo", headers={"Authorization": f"Bearer {text}"})
    assert asked.status_code == 403
    elsewhere = httpx.get(f"{platform.url}/mlflow/", headers={"Authorization": f"Bearer {text}"})
    assert elsewhere.status_code == 401


def test_verdicts_are_kept_and_counted(ada: Actor) -> None:
    before = serving.feedback_summary(ada, "flights")
    serving.keep_feedback("vera", "flights", "demo", {"carrier": "AA"}, "late: 8 %", True)
    serving.keep_feedback("vera", "flights", "demo", {"carrier": "UA"}, "late: 9 %", False)
    assert serving.feedback_summary(ada, "flights") == (before[0] + 1, before[1] + 1)
    newest = serving.list_feedback(ada, "flights", "demo")[0]
    assert (newest.user, newest.right, newest.inputs) == ("vera", False, {"carrier": "UA"})


def test_every_word_is_there_in_both_languages() -> None:
    assert LABELS["en"].keys() == LABELS["zh"].keys() and SENTENCES["en"].keys() == SENTENCES["zh"].keys()


def test_a_number_is_shown_with_its_unit_and_text_is_escaped() -> None:
    answer = in_words("en", {"delay": 12.5}, {"delay": {"title": "<b>Delay</b>", "unit": "min"}}, "3")
    assert "12.50 min" in answer.html and "&lt;b&gt;" in answer.html and "Model version 3" in answer.html


def test_a_drawing_is_centred_and_as_bright_as_the_model_knows() -> None:
    ink = [[1.0 if row < 10 and column < 3 else 0.0 for column in range(56)] for row in range(56)]
    pixels = shrink(ink, 8, 16.0)
    assert max(pixels) == 16.0 and len(pixels) == 64
    assert pixels[0] == 0 and sum(pixels[3::8]) + sum(pixels[4::8]) > sum(pixels) * 0.9


KNOWN = {
    "title": "Flight delay", "title_zh": "航班延误", "looked_up": ["distance"],
    "typical": [{"by": ["origin", "hour"], "columns": ["distance"], "rows": {"JFK|18": "746", "JFK|19": "nan"}}],
    "questions": [{
        "fills": "distance", "by": "origin", "values": {"JFK": {"LAX": 2475.0, "BOS": 187.0}, "EWR": {"BOS": 200.0}},
        "first": {"JFK": "LAX", "EWR": "BOS"}, "names": {"LAX": "Los Angeles (LAX)"}, "title": "Destination",
    }],
}  # fmt: skip


@pytest.fixture
def known(platform: Small, ada: Actor, flights: httpx.Client) -> Form:
    service = serving.get_service(ada, "flights", "demo")
    return form_of(replace(service, metadata=service.metadata | KNOWN))


def test_a_form_is_filled_in_with_what_is_typical_for_the_case_and_says_for_which(known: Form) -> None:
    assert known.chosen_by == ("origin", "hour")
    assert typical(known, {"origin": "JFK", "hour": 18.5}, "en") == (
        {"distance": 746.0}, "Filled in with what is typical for JFK, 18.5."
    )  # fmt: skip
    assert typical(known, {"origin": "JFK", "hour": 19}, "en")[0] == {}
    assert "JFK、18" in typical(known, {"origin": "JFK", "hour": 18}, "zh")[1]


def test_a_destination_fills_in_the_distance_and_follows_the_airport(known: Form) -> None:
    question = known.questions[0]
    assert question.choices("JFK") == [("BOS", "BOS"), ("Los Angeles (LAX)", "LAX")]
    assert (question.chosen("JFK"), question.chosen("EWR", "LAX"), question.chosen("JFK", "BOS")) == (
        "LAX",
        "BOS",
        "BOS",
    )
    assert (question.value("JFK", "LAX"), question.value("EWR", "LAX"), question.chosen("LGA")) == (2475.0, None, None)


def test_a_models_own_title_has_its_chinese_and_anothers_stays(known: Form) -> None:
    assert known.headed("Flight delay") == ("Flight delay", "航班延误")
    assert known.headed("Mine") == ("Mine", "Mine")


def test_a_model_is_explained_in_its_makers_words_where_they_gave_any(platform: Small, ada: Actor, known: Form) -> None:
    assert known.about == ("", "")
    service = serving.get_service(ada, "flights", "demo")
    form = form_of(replace(service, metadata=service.metadata | {"description": "Foresees delays."}))
    told = labels(serving.list_demos(ada, "flights")[0], form).translations
    assert told["en"]["about"] == told["zh-CN"]["about"] == "Foresees delays."


def test_the_language_chosen_on_the_page_goes_before_the_browsers(flights: httpx.Client, platform: Small) -> None:
    page = str(flights.base_url) + "/?lang=zh&__theme=dark"
    assert "次中约有" in str(_predict(flights, list(GOOD), Referer=page, **{"Accept-Language": "en"})[0])
    english = page.replace("zh", "en")
    assert "of 100 such cases" in str(_predict(flights, list(GOOD), Referer=english, **{"Accept-Language": "zh-CN"})[0])
    with _client(platform, "nothing--flights", None) as lost:
        assert "该地址没有演示" in lost.get("/?lang=zh").text and "There is no demo" in lost.get("/?lang=fr").text


def test_a_members_demo_leads_back_to_the_portals_demos_and_a_public_one_does_not(
    platform: Small, flights: httpx.Client, ada: Actor
) -> None:
    back = f"http://localhost:{platform.port}/app/demos?project=flights"
    assert back in flights.get("/").text
    client = _publish(platform, ada, "flights", "everybodys", "flight-delay", public=True)
    assert back not in client.get("/").text
    client.close()
    serving.unpublish_demo(ada, "flights", "everybodys")


def test_a_wrong_field_is_told_by_its_title_in_the_visitors_language(flights: httpx.Client) -> None:
    wrong: list[object] = [*GOOD[:3], 1]
    assert "Distance (miles): 1 cannot be" in str(_predict(flights, wrong)[0])
    html = str(_predict(flights, wrong, **{"Accept-Language": "zh-CN"})[0])
    assert "不能为 1" in html and "10 至 6000" in html
    wrong[3] = None
    assert "nothing is filled in" in str(_predict(flights, wrong)[0])
