"""What demos say, in English and Chinese; labels of fields come from the model's own description."""

from typing import Final, Literal

from atrium.words import ENGLISH, language_of

Tongue = Literal["en", "zh"]
CHINESE: Final = "zh-CN"

LABELS: Final[dict[Tongue, dict[str, str]]] = {
    "en": {
        "ask": "Predict", "answer": "Prediction", "details": "Filled in for you: look and change",
        "right": "That was right", "wrong": "That was wrong", "sketch": "Draw here with the mouse, a pen or a finger.",
        "clear": "Start again", "judge": "Was this right? Your answer is kept for the people who run the model.",
        "source": "Fill these in with", "theme": "Light or dark", "common.complete": "Done", "back": "All demos",
        "lead": "Describe a case and press Predict: a model answers from what it learned of past cases. It is an estimate, not a promise.",
        "lead_sketch": "Draw and press Predict: a model says what it sees. It is an estimate, not a promise.",
    },
    "zh": {
        "ask": "预测", "answer": "预测结果", "details": "已自动填写：可展开查看和修改",
        "right": "预测正确", "wrong": "预测错误", "sketch": "请用鼠标、手写笔或手指在这里书写。",
        "clear": "重新开始", "judge": "预测是否正确？您的回答会保存给模型的维护者。",
        "source": "自动填写的依据", "theme": "切换明暗", "common.complete": "完成", "back": "全部演示",
        "lead": "填写情况后点击“预测”，模型会根据以往的数据作答。结果仅为估计，不作保证。",
        "lead_sketch": "书写后点击“预测”，模型会给出识别结果。结果仅为估计，不作保证。",
    },
}  # fmt: skip

SENTENCES: Final[dict[Tongue, dict[str, str]]] = {
    "en": {
        "certain": "almost certain", "likely": "likely", "even": "about even", "unlikely": "unlikely", "rare": "very unlikely",
        "of_100": "In about {count} of 100 such cases.", "version": "Model version {version}", "kept": "Thank you, kept.",
        "not_kept": "Ask for a prediction first.", "not_found": "There is no demo at this address.",
        "waiting": "This demo is being prepared: its model is not in service yet. The page tries again by itself.",
        "refused": "You need a role in this project to open this demo. Ask one of its admins.",
        "looked_up": "Filled in with the newest values of the feature store for {entities}, of {moment}. They may not suit the case that you chose.",
        "typical_for": "Filled in with what is typical for {cases}.", "typical": "what is typical for this case",
        "newest": "the newest values of the feature store", "nothing": "The feature store holds nothing for {entities}.",
        "empty": "{title}: nothing is filled in", "outside": "{title}: {value} cannot be", "any": "Fill it in and try again.",
        "from_to": "Give a number from {least} to {most}.", "yet": "Nothing asked yet", "yet_more": "The answer appears here.",
        "no_lookup": "The feature store did not answer; please fill these in yourself.", "empty_sketch": "Draw something first.",
    },
    "zh": {
        "certain": "几乎确定", "likely": "可能", "even": "可能性各半", "unlikely": "不太可能", "rare": "非常不可能",
        "of_100": "类似情况下，100 次中约有 {count} 次。", "version": "模型版本 {version}", "kept": "谢谢，已保存。",
        "not_kept": "请先进行一次预测。", "not_found": "该地址没有演示。",
        "waiting": "演示正在准备：其模型尚未上线。页面会自动重试。",
        "refused": "打开此演示需要该项目的角色，请联系项目管理员。",
        "looked_up": "已填入特征库中 {entities} 的最新数值（{moment}），可能与您选择的情况不符。",
        "typical_for": "已按 {cases} 的典型情况填写。", "typical": "该情况下的典型值",
        "newest": "特征库中的最新数值", "nothing": "特征库中没有 {entities} 的数值。",
        "empty": "{title}：尚未填写", "outside": "{title}：不能为 {value}", "any": "请填写后重试。",
        "from_to": "请填写 {least} 至 {most} 之间的数。", "yet": "尚未预测", "yet_more": "预测结果将显示在这里。",
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
