"""What learners do in a sitting: move, watch, read, answer, discuss, leave. Each leaves its events in order."""

from collections.abc import Callable, Mapping

from ol_sandbox import words
from ol_sandbox.courses import Block, BlockType
from ol_sandbox.events import Form
from ol_sandbox.randomness import hexadecimal
from ol_sandbox.sitting import Sitting, course_path

_MOBILE_NAMES = {
    "load_video": "edx.video.loaded",
    "play_video": "edx.video.played",
    "pause_video": "edx.video.paused",
    "stop_video": "edx.video.stopped",
}
_MOVES = {
    "seq_next": "edx.ui.lms.sequence.next_selected",
    "seq_prev": "edx.ui.lms.sequence.previous_selected",
    "seq_goto": "edx.ui.lms.sequence.tab_selected",
}


def enter(sitting: Sitting, sequential: Block) -> None:
    """Open a section of the course, from the outline or by a link."""
    address = sitting.page_of(sequential)
    name = sitting.chance.choice(("edx.ui.lms.outline.selected", "edx.ui.lms.link_clicked"))
    sitting.browser(name, {"current_url": f"https://{sitting.visit.host}/dashboard", "target_url": address}, sequential)
    sitting.wait(3)
    sitting.request(f"{course_path(sitting.run)}/courseware/{sequential.url_name}/")


def move(sitting: Sitting, sequential: Block, tab: int) -> None:
    """Go to a tab of the section."""
    old_name = sitting.chance.choice(tuple(_MOVES))
    tabs = len(sequential.children)
    payload = {
        "current_tab": max(1, tab - 1),
        "target_tab": tab,
        "tab_count": tabs,
        "id": sitting.run.usage_key(sequential),
        "widget_placement": "top",
    }
    sitting.browser(_MOVES[old_name], payload, sequential, event_type=old_name)


def leave(sitting: Sitting, sequential: Block) -> None:
    """Close the page; the last event of a sitting in a browser."""
    sitting.browser("page_close", {}, sequential)


def watch(sitting: Sitting, video: Block) -> None:
    """Load, play, perhaps pause, seek or change something, then stop or complete."""
    position = 0.0
    _video(sitting, "load_video", video, {"duration": video.duration_s})
    sitting.wait(4)
    _video(sitting, "play_video", video, {"currentTime": position, "duration": video.duration_s})
    for _ in range(sitting.chance.randrange(4)):
        sitting.wait(60)
        new_position = round(sitting.chance.uniform(0, video.duration_s), 3)
        name, payload = _tinker(sitting, position, new_position)
        _video(sitting, name, video, payload)
        position = new_position
    sitting.wait(60)
    ending = sitting.chance.choice(("stop_video", "complete_video", "pause_video"))
    _video(sitting, ending, video, {"currentTime": position, "duration": video.duration_s})


def watch_on_the_go(sitting: Sitting, video: Block) -> None:
    """The same in the app, which knows fewer events and calls them by their newer names."""
    for event_type in ("load_video", "play_video", "pause_video", "play_video", "stop_video"):
        position = round(sitting.chance.uniform(0, video.duration_s), 3)
        payload = {"id": video.url_name, "code": "mobile", "currentTime": position}
        sitting.mobile(_MOBILE_NAMES[event_type], event_type, payload, video)
        sitting.wait(60)


def _video(sitting: Sitting, name: str, video: Block, payload: dict[str, object]) -> None:
    sitting.browser(name, {"id": video.url_name, "code": "html5", **payload}, video)


def _tinker(sitting: Sitting, position: float, new_position: float) -> tuple[str, dict[str, object]]:
    match sitting.chance.choice(("seek_video", "speed_change_video", "show_transcript", "pause_video")):
        case "seek_video":
            return "seek_video", {"old_time": position, "new_time": new_position, "type": "onSlideSeek"}
        case "speed_change_video":
            return "speed_change_video", {"current_time": position, "old_speed": "1.0", "new_speed": "1.50"}
        case "show_transcript":
            return sitting.chance.choice(("show_transcript", "hide_transcript")), {"current_time": position}
        case name:
            return name, {"currentTime": new_position}


def answer(sitting: Sitting, problem: Block) -> None:
    """Submit answers once or twice: the page's report, the request, the site's report, and the grade if it counts."""
    most = 1 + sitting.chance.randrange(2)
    for attempt in range(1, most + 1):
        sitting.wait(90)
        _submit(sitting, problem, attempt, correct=sitting.chance.random() < attempt * 0.45)
    if sitting.chance.random() < 0.3:  # some look at the solution
        sitting.wait(20)
        payload = {"problem_id": sitting.run.usage_key(problem)}
        sitting.server("showanswer", payload, problem, _handler(sitting, problem))


def _submit(sitting: Sitting, problem: Block, attempt: int, *, correct: bool) -> None:
    chosen, typed = f"choice_{sitting.chance.randrange(4)}", sitting.chance.choice(words.PHRASES)
    inputs: dict[str, object] = {f"input_{problem.url_name}_2_1": chosen, f"input_{problem.url_name}_3_1": typed}
    sitting.browser_answers("problem_check", inputs, Form.URL_ENCODED, problem)
    sitting.wait(2)
    essay = words.sentence(sitting.chance, sitting.chance.choice((3, 90)))
    sitting.request(_handler(sitting, problem), {**inputs, f"input_{problem.url_name}_4_1": essay})
    sitting.wait(2)
    payload = _check(sitting, problem, attempt, chosen, correct=correct)
    sitting.server("problem_check", payload, problem, _handler(sitting, problem))
    sitting.wait(2)
    shown = [f"input_{problem.url_name}_2_1={chosen}", "<div>a <b>synthetic</b> verdict</div>"]
    sitting.browser_answers("problem_graded", shown, sitting.chance.choice((Form.OBJECT, Form.TEXT)), problem)
    if problem.graded:
        sitting.wait(2)
        sitting.server("edx.grades.problem.submitted", _grade(sitting, problem, correct=correct), None, "/event")


def _check(sitting: Sitting, problem: Block, attempt: int, chosen: str, *, correct: bool) -> dict[str, object]:
    input_id = f"{problem.url_name}_2_1"
    correctness = "correct" if correct else "incorrect"
    return {
        "problem_id": sitting.run.usage_key(problem),
        "answers": {input_id: chosen},
        "correct_map": {input_id: {"correctness": correctness, "npoints": None, "msg": "", "hint": ""}},
        "submission": {input_id: {"answer": chosen, "correct": correct, "response_type": "multiplechoiceresponse"}},
        "attempts": attempt,
        "grade": int(correct),
        "max_grade": 1,
        "success": correctness,
        "state": {"seed": 1, "done": True if attempt > 1 else None},
    }


def _grade(sitting: Sitting, problem: Block, *, correct: bool) -> dict[str, object]:
    return {
        "course_id": sitting.run.course_id,
        "user_id": sitting.account.user_id,
        "problem_id": sitting.run.usage_key(problem),
        "weighted_earned": int(correct),
        "weighted_possible": 1,
        "event_transaction_id": hexadecimal(sitting.chance, 32),
        "event_transaction_type": "edx.grades.problem.submitted",
    }


def _handler(sitting: Sitting, problem: Block) -> str:
    key = sitting.run.usage_key(problem)
    return f"{course_path(sitting.run)}/xblock/{key}/handler/xmodule_handler/problem_check"


def read(sitting: Sitting, page: Block) -> None:
    """Look at a page long enough for the site to call it complete."""
    sitting.wait(60)
    payload = {
        "block_id": sitting.run.usage_key(page),
        "block_type": page.type.value,
        "completion": 1.0,
        "context_key": sitting.run.course_id,
        "user_id": sitting.account.user_id,
    }
    sitting.server("edx.completion.block_completion.changed", payload, None, "/event")


def discuss(sitting: Sitting, board: Block) -> None:
    """Read the board; perhaps write a thread, answer one or vote."""
    thread = hexadecimal(sitting.chance, 24)
    about = {"commentable_id": board.url_name, "category_id": board.url_name, "category_name": board.title}
    _post(sitting, "edx.forum.thread.viewed", thread, about)
    match sitting.chance.choice(("read", "thread", "response", "vote")):
        case "thread":
            text = sitting.chance.choice(words.PHRASES)
            _post(sitting, "edx.forum.thread.created", thread, {**about, "title": text[:40], "body": text})
        case "response":
            body = words.sentence(sitting.chance, 12)
            response = {**about, "body": body, "discussion": {"id": thread}}
            _post(sitting, "edx.forum.response.created", hexadecimal(sitting.chance, 24), response)
        case "vote":
            _post(sitting, "edx.forum.thread.voted", thread, {**about, "vote_value": "up", "undo_vote": False})


def _post(sitting: Sitting, name: str, post_id: str, payload: Mapping[str, object]) -> None:
    sitting.wait(90)
    path = f"{course_path(sitting.run)}/discussion/{payload['commentable_id']}/threads"
    sitting.server(name, {"id": post_id, **payload}, None, path)


ACTIVITIES: dict[BlockType, Callable[[Sitting, Block], None]] = {
    BlockType.VIDEO: watch,
    BlockType.PROBLEM: answer,
    BlockType.HTML: read,
    BlockType.DISCUSSION: discuss,
}
"""What is done with a block that is met."""
