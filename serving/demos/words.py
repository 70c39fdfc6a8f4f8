"""What demos say, in English and Chinese; labels of fields come from the model's own description."""

from typing import Final, Literal

from atrium.words import ENGLISH, language_of

Tongue = Literal["en", "zh"]
CHINESE: Final = "zh-CN"

LABELS: Final[dict[Tongue, dict[str, str]]] = {
    "en": {
        "ask": "Predict", "answer": "Prediction", "details": "Looked up in the feature store; change them if you know better",
        "fields": "Tell us about the case", "right": "That was right", "wrong": "That was wrong", "sketch": "Draw here with the mouse, a pen or a finger.",
        "clear": "Start again", "judge": "Was this right? Your answer is kept for the people who run the model.",
    },
    "zh": {
        "ask": "预测", "answer": "预测结果", "details": "以下数值来自特征库，如有更准确的数据可以修改",
        "fields": "请填写情况", "right": "预测正确", "wrong": "预测错误", "sketch": "请用鼠标、手写笔或手指在这里书写。",
        "clear": "重新开始", "judge": "预测是否正确？您的回答会保存给模型的维护者。",
    },
}  # fmt: skip

SENTENCES: Final[dict[Tongue, dict[str, str]]] = {
    "en": {
        "certain": "almost certain", "likely": "likely", "even": "about even", "unlikely": "unlikely", "rare": "very unlikely",
        "of_100": "In about {count} of 100 such cases.", "version": "Model version {version}", "kept": "Thank you, kept.",
        "not_kept": "Ask for a prediction first.", "not_found": "There is no demo at this address.",
        "waiting": "This demo is being prepared: its model is not in service yet. The page tries again by itself.",
        "refused": "You need a role in this project to open this demo. Ask one of its admins.",
        "looked_up": "The newest values of the feature store for {entities}.",
        "no_lookup": "The feature store did not answer; please fill these in yourself.", "empty_sketch": "Draw something first.",
    },
    "zh": {
        "certain": "几乎确定", "likely": "可能", "even": "可能性各半", "unlikely": "不太可能", "rare": "非常不可能",
        "of_100": "类似情况下，100 次中约有 {count} 次。", "version": "模型版本 {version}", "kept": "谢谢，已保存。",
        "not_kept": "请先进行一次预测。", "not_found": "该地址没有演示。",
        "waiting": "演示正在准备：其模型尚未上线。页面会自动重试。",
        "refused": "打开此演示需要该项目的角色，请联系项目管理员。",
        "looked_up": "来自特征库的最新数值（{entities}）。",
        "no_lookup": "特征库没有响应，请自行填写这些数值。", "empty_sketch": "请先书写。",
    },
}  # fmt: skip


def tongue(accept_language: str) -> Tongue:
    """The language to answer in, by the browser's preference; English where it names neither first."""
    return "en" if language_of(accept_language) == ENGLISH else "zh"


def say(language: Tongue, key: str, **values: object) -> str:
    """A sentence in a language."""
    return SENTENCES[language][key].format(**values)


def how_likely(language: Tongue, probability: float) -> str:
    """A probability (0 to 1) in a word."""
    steps = ((0.05, "rare"), (0.4, "unlikely"), (0.6, "even"), (0.95, "likely"))
    return say(language, next((word for bound, word in steps if probability < bound), "certain"))
