"""What the argo CLI was answered, in a form in which two servers can be compared."""

import re

EXECUTOR = re.compile(
    r"level=\w+ msg=\"(capturing logs|sub-process exited)|Error: exit status \d+|^ResourcesDuration:|-agent: level="
)
CLOCK = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
AGO = re.compile(r"TIME \((now|\d+ minutes? ago)\)")
WORDED = re.compile(r"^Error: [^:]*", re.M)
OF_VERSION_4 = (
    (re.compile(r'level=ERROR msg="([^"]*)" error="'), r'level=fatal msg="\1: '),
    (re.compile(r'level=WARN msg="Object( is not of kind [^"]*)" name="?([^"\s]*)"?'), r'level=warning msg="\2\1"'),
)
KILLED = ("main: Error (exit code 143)", "workflow shutdown with strategy:  Terminate", "pod deleted")


def spoken(step: dict) -> dict:
    """An answer without what is another's or chance.

    What Argo's own executor and agent say in logs (with --tail it takes the place of the step's lines, so only their number is compared), what
    steps used while Kubernetes started them, whether an answer took a second, the order of siblings that started within one second,
    the namespace's name, in which of three ways a killed pod is told, which changes there from run to run,
    and what the CLI itself says: how it is used, and, where it is of version 4, its own words around the server's.
    """
    found = dict(step)
    if "out" in found:
        lines = [line for line in found["out"].splitlines() if not EXECUTOR.search(line)]
        tree = [re.sub(" {2,}", "  ", re.sub("[├└]─", "", line).replace("│", " ")) for line in lines]
        tailed = "--tail" in found.get("argo", "")
        said = "\n".join(sorted(tree) if "STEP  TEMPLATE" in found["out"] else lines)
        found["out"] = (
            len(found["out"].splitlines()) if tailed else AGO.sub("TIME (AGE)", said.replace("flights", "argo"))
        )
    if "err" in found:
        said = CLOCK.sub("TIME", found["err"].partition("\nUsage:")[0]).replace("flights", "argo")
        for words, earlier in OF_VERSION_4:
            said = words.sub(earlier, said)
        found["err"] = WORDED.sub(lambda begun: begun[0].lower(), said)
    for node in found.get("nodes", {}).values():
        if node["message"] in KILLED:
            node.update(phase="Failed", message="killed", exitCode=None)
    return found
