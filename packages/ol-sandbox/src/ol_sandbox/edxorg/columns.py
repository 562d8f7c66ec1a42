"""The 44 tables that a package knows, and their columns."""

_OLD_AUTH_USER = (
    "status email_key avatar_type country show_country date_of_birth interesting_tags ignored_tags "
    "email_tag_filter_strategy display_tag_filter_strategy consecutive_days_visit_count"
)
"""Columns of accounts that only exports of old runs still have: a reader goes by the header."""

_COLUMNS = {
    "assessment_assessment": "id submission_uuid rubric_id scored_at scorer_id score_type feedback",
    "assessment_assessmentfeedback": "id submission_uuid feedback_text",
    "assessment_assessmentfeedback_assessments": "id assessmentfeedback_id assessment_id",
    "assessment_assessmentfeedback_options": "id assessmentfeedback_id assessmentfeedbackoption_id",
    "assessment_assessmentfeedbackoption": "id text",
    "assessment_assessmentpart": "id assessment_id option_id feedback criterion_id",
    "assessment_criterion": "id rubric_id name label order_num prompt",
    "assessment_criterionoption": "id criterion_id order_num points name label explanation",
    "assessment_peerworkflow": "id student_id item_id course_id submission_uuid created_at completed_at "
    "grading_completed_at cancelled_at",
    "assessment_peerworkflowitem": "id scorer_id author_id submission_uuid started_at assessment_id scored",
    "assessment_rubric": "id content_hash structure_hash",
    "assessment_studenttrainingworkflow": "id submission_uuid student_id item_id course_id",
    "assessment_studenttrainingworkflowitem": "id workflow_id order_num started_at completed_at training_example_id",
    "assessment_trainingexample": "id raw_answer rubric_id content_hash",
    "assessment_trainingexample_options_selected": "id trainingexample_id criterionoption_id",
    "auth_user": "id username first_name last_name email password is_staff is_active is_superuser last_login "
    "date_joined",
    "auth_userprofile": "id user_id name language location meta courseware gender mailing_address year_of_birth "
    "level_of_education goals country city bio profile_image_uploaded_at",
    "certificates_generatedcertificate": "id user_id download_url grade course_id key distinction status verify_uuid "
    "download_uuid name created_date modified_date error_reason mode",
    "course": "id course_id display_name",
    "course_groups_cohortmembership": "user_id course_id group_type name",
    "course_structure": "id course_id",
    "courseware_studentmodule": "id module_type module_id student_id state grade created modified max_grade done "
    "course_id",
    "credit_crediteligibility": "id created modified username deadline course_key",
    "django_comment_client_role_users": "course_id user_id name",
    "examples": "id",
    "grades_persistentcoursegrade": "course_id user_id course_edited_timestamp grading_policy_hash percent_grade "
    "letter_grade passed_timestamp created modified",
    "grades_persistentsubsectiongrade": "course_id user_id usage_key earned_all possible_all earned_graded "
    "possible_graded first_attempted created modified",
    "student_anonymoususerid": "id user_id anonymous_user_id course_id",
    "student_courseaccessrole": "org course_id user_id role",
    "student_courseenrollment": "id user_id course_id created is_active mode",
    "student_languageproficiency": "id user_profile_id code",
    "submissions_score": "id student_item_id submission_id points_earned points_possible created_at reset",
    "submissions_scoresummary": "id student_item_id highest_id latest_id",
    "submissions_studentitem": "id student_id course_id item_id item_type",
    "submissions_submission": "id uuid student_item_id attempt_number submitted_at created_at raw_answer status",
    "teams": "id team_id name course_id topic_id date_created description country language discussion_topic_id "
    "last_activity_at team_size",
    "teams_membership": "id user_id team_id date_joined last_activity_at",
    "user_api_usercoursetag": "user_id key course_id value",
    "user_id_map": "hash_id id username",
    "validate": "id",
    "wiki_article": "id current_revision_id created modified owner_id group_id group_read group_write other_read "
    "other_write",
    "wiki_articlerevision": "id revision_number user_message automatic_log ip_address user_id modified created "
    "previous_revision_id deleted locked article_id content title",
    "workflow_assessmentworkflow": "id submission_uuid status course_id item_id modified status_changed",
    "workflow_assessmentworkflowstep": "id workflow_id name submitter_completed_at assessment_completed_at order_num "
    "skipped",
}

TABLES: dict[str, tuple[str, ...]] = {name: tuple(columns.split()) for name, columns in _COLUMNS.items()}
"""Columns by table, in the order of a package."""


def columns_of(table: str, *, is_old: bool) -> tuple[str, ...]:
    """The header of a table; exports of old runs have longer accounts."""
    more = tuple(_OLD_AUTH_USER.split()) if is_old and table == "auth_user" else ()
    return (*TABLES[table], *more)
