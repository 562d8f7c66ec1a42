"""What learners leave in a site's database as they go: state of problems, videos and sections, completions."""

import json
from collections.abc import Iterable

from ol_sandbox.business.institution import Institution
from ol_sandbox.business.learning import Attempt, Participation, attempts
from ol_sandbox.courses import BlockType
from ol_sandbox.databases.writing import Database, written
from ol_sandbox.events import Event, Source

_KEY = "CREATE UNIQUE INDEX once ON courseware_studentmodule (student_id, module_id)"
_VIDEO_POSITIONS = frozenset({"play_video", "pause_video", "stop_video"})


class StateKeeper:
    """Keeps the state tables of one site up to date while its events pass by. Holds nothing but numbers itself."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._completed = 0
        database.connection.execute(_KEY)
        database.connection.execute("CREATE UNIQUE INDEX seen ON completion_blockcompletion (user_id, block_key)")

    def remember(self, institution: Institution, platform: str) -> None:
        """Write down what was done before the first log."""
        for taken in institution.participations[platform]:
            for attempt in attempts(institution.registry.recipe.seed, taken.account, taken.term, taken.at):
                self._problem_before(taken, attempt)

    def observe(self, events: Iterable[Event]) -> None:
        """Take note of what just happened, whatever the logs will make of it."""
        for event in events:
            if event.visit.account is not None and event.visit.run is not None:
                self._observe(event)

    def finish(self) -> None:
        """Take down the scaffolding; the tables are complete."""
        self._database.connection.execute("DROP INDEX once")
        self._database.connection.execute("DROP INDEX seen")

    def _observe(self, event: Event) -> None:
        payload = event.payload
        if isinstance(payload, list) or event.block is None:
            if event.name == "edx.completion.block_completion.changed" and not isinstance(payload, list):
                self._complete(event)
            return
        if event.name == "problem_check" and event.source is Source.SERVER:
            state = {
                "attempts": payload["attempts"],
                "correct_map": payload["correct_map"],
                "student_answers": payload["answers"],
                "done": True,
                "seed": 1,
            }
            self._upsert(event, state, payload["grade"], payload["max_grade"])
        elif event.event_type in _VIDEO_POSITIONS and "currentTime" in payload:
            self._upsert(event, {"saved_video_position": _clock(float(str(payload["currentTime"])))}, None, None)
        elif event.block.type is BlockType.SEQUENTIAL and "target_tab" in payload:
            self._upsert(event, {"position": payload["target_tab"]}, None, None)

    def _upsert(self, event: Event, state: dict[str, object], grade: object, max_grade: object) -> None:
        account, run, block = event.visit.account, event.visit.run, event.block
        assert account is not None and run is not None and block is not None  # noqa: S101, PT018 - asked before
        self._store(
            {
                "student_id": account.user_id,
                "course_id": run.course_id,
                "module_id": run.usage_key(block),
                "module_type": block.type.value,
                "state": json.dumps(state),
                "done": "na",
                "grade": grade,
                "max_grade": max_grade,
                "created": event.at,
                "modified": event.at,
            }
        )

    def _problem_before(self, taken: Participation, attempt: Attempt) -> None:
        correctness = "correct" if attempt.is_correct else "incorrect"
        input_id = f"{attempt.problem.url_name}_2_1"
        state = {
            "attempts": attempt.tries,
            "correct_map": {input_id: {"correctness": correctness}},
            "student_answers": {input_id: "choice_0" if attempt.is_correct else "choice_1"},
            "done": True,
            "seed": 1,
        }
        self._store(
            {
                "student_id": taken.account.user_id,
                "course_id": taken.term.course_id,
                "module_id": taken.term.run.usage_key(attempt.problem),
                "module_type": "problem",
                "state": json.dumps(state),
                "done": "na",
                "grade": int(attempt.is_correct),
                "max_grade": 1,
                "created": attempt.at,
                "modified": attempt.at,
            }
        )

    def _store(self, row: dict[str, object]) -> None:
        """One row for each learner and block: what it was last. Scores leave a history."""
        connection = self._database.connection
        key = (written(row["student_id"]), row["module_id"])
        found = connection.execute(
            "SELECT id FROM courseware_studentmodule WHERE student_id = ? AND module_id = ?", key
        ).fetchone()
        if found is None:
            number = self._database.rows["courseware_studentmodule"] + 1
            self._database.add("courseware_studentmodule", {"id": number, **row})
        else:
            number = int(found[0])
            changed = tuple(written(row[name]) for name in ("state", "grade", "max_grade", "modified"))
            connection.execute(
                "UPDATE courseware_studentmodule SET state = ?, grade = ?, max_grade = ?, modified = ? "
                "WHERE student_id = ? AND module_id = ?",
                (*changed, *key),
            )
        if row["grade"] is not None:
            self._remember_score(number, row)

    def _remember_score(self, module: int, row: dict[str, object]) -> None:
        table = "coursewarehistoryextended_studentmodulehistoryextended"
        score = {name: row[name] for name in ("state", "grade", "max_grade")}
        number = self._database.rows[table] + 1
        self._database.add(table, {"id": number, "student_module_id": module, **score, "created": row["modified"]})

    def _complete(self, event: Event) -> None:
        payload, account = event.payload, event.visit.account
        assert account is not None and not isinstance(payload, list)  # noqa: S101, PT018 - asked before
        found = self._database.connection.execute(
            "UPDATE completion_blockcompletion SET modified = ? WHERE user_id = ? AND block_key = ?",
            (written(event.at), account.user_id, payload["block_id"]),
        ).rowcount
        if not found:
            self._completed += 1
            self._database.add(
                "completion_blockcompletion",
                {
                    "id": self._completed,
                    "user_id": account.user_id,
                    "course_key": payload["context_key"],
                    "block_key": payload["block_id"],
                    "block_type": payload["block_type"],
                    "completion": 1,
                    "created": event.at,
                    "modified": event.at,
                },
            )


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
