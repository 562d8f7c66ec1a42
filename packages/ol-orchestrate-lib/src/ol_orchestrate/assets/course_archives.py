"""Course archives (OLX), and what is read from them: the same for every site, and for edX.org."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from ol_orchestrate.automation import on_new_version
from ol_orchestrate.failures import reported_failures
from ol_orchestrate.io_managers.filepath import ROW_COUNT
from ol_orchestrate.lib.files import FileObject, scratch_directory
from ol_orchestrate.lib.hashing import derived_version, sha256_file
from ol_orchestrate.lib.landing import directory_of
from ol_orchestrate.lib.object_store import storage_errors
from ol_orchestrate.lib.openedx.olx import PARSER_VERSION, CourseExtract, Noun, extract_course

if TYPE_CHECKING:
    from upath import UPath

_SHOWN_ERRORS = 20

DESCRIPTIONS = {
    Noun.COURSE_METADATA: "What a course archive says of its run as a whole. Grain: one JSON document per course run.",
    Noun.COURSE_VIDEO: "Videos of a course run. Grain: one line per video file of the archive.",
    Noun.COURSE_POLICY: "Course policies. Grain: one line per course entry of a run's policy files.",
    Noun.COURSE_GRADING_POLICY: "Grading policy. Grain: one line per course run that has one.",
    Noun.COURSE_CERTIFICATE_SIGNATORY: (
        "Who signs the certificates of a course run. Grain: one line per certificate and signatory. "
        "Personal data: names and titles of the signatories."
    ),
    Noun.COURSE_XML_BLOCKS: "XML of the blocks of a course run. Grain: one line per block file of the archive.",
    Noun.COURSE_OUTLINE: "The published tree of a course run. Grain: one line per block, in reading order.",
}


def course_xml_spec(
    key: Sequence[str], *, group: str, partitions_def: dg.PartitionsDefinition[str], owners: Sequence[str]
) -> dg.AssetSpec:
    """The course archives of a site, as an asset nobody here materializes: they are delivered to the landing zone."""
    return dg.AssetSpec(
        key=dg.AssetKey(key),
        group_name=group,
        kinds={"openedx", "xml"},
        owners=owners,
        partitions_def=partitions_def,
        description=(
            "Course archive (OLX) as Studio exports it. Grain: one `.xml.tar.gz` per course run, at "
            f"`{'/'.join(key)}/<course run>/<sha256>.xml.tar.gz` in the landing zone. "
            "Personal data: names of course staff in the content."
        ),
    )


def build_course_details(
    prefix: Sequence[str],
    course_xml: Sequence[str],
    *,
    source_system: str,
    group: str,
    partitions_def: dg.PartitionsDefinition[str],
    owners: Sequence[str],
) -> dg.AssetsDefinition:
    """`extract_courserun_details` of a site: the records of one course archive, all from one pass over it.

    Args:
        prefix: Key of the outputs up to the noun.
        course_xml: Key of the archives.
        source_system: Name of the site, written to the blocks.
        group: Of the assets.
        partitions_def: Course runs; the partition key is the run's id, and the authority on it.
        owners: Of the assets.
    """
    site = "_".join(prefix[:-2]) or source_system

    @dg.multi_asset(
        name=f"{site}_extract_courserun_details",
        ins={"course_xml": dg.AssetIn(key=dg.AssetKey(course_xml), input_manager_key="s3file_io_manager")},
        outs={
            noun.value: dg.AssetOut(
                key=dg.AssetKey([*prefix, noun.value]),
                io_manager_key="s3file_io_manager",
                group_name=group,
                kinds={"openedx", "json"},
                owners=owners,
                description=DESCRIPTIONS[noun],
                automation_condition=on_new_version(),
                code_version=PARSER_VERSION,
            )
            for noun in Noun
        },
        partitions_def=partitions_def,
    )
    def extract_courserun_details(
        context: dg.AssetExecutionContext,
        course_xml: Any,  # a UPath, whose package Dagster would have to load with the definitions: a tenth of the time
    ) -> Iterator[dg.Output[FileObject]]:
        with reported_failures(context), scratch_directory() as scratch:
            archive = _local(course_xml, scratch)
            extract = extract_course(archive, scratch, source_system=source_system, course_id=context.partition_key)
            version = derived_version(
                content=sha256_file(archive),
                parser=PARSER_VERSION,
                options={"course_id": context.partition_key, "source_system": source_system},
            )
            for error in extract.errors[:_SHOWN_ERRORS]:
                context.log.warning("%s: %s", error.path, error.reason)
            for noun, output in extract.outputs.items():
                directory = directory_of([*prefix, noun.value], context.partition_key)
                yield dg.Output(
                    FileObject(output.path, f"{directory}/{version}{noun.extension}"),
                    output_name=noun.value,
                    metadata=_seen(extract)
                    | {
                        "course_id": dg.MetadataValue.text(context.partition_key),
                        ROW_COUNT: dg.MetadataValue.int(output.rows),
                    },
                )

    return extract_courserun_details


def _local(archive: "UPath", scratch: Path) -> Path:
    """The archive on this machine: itself when it is here, else a copy in the scratch directory."""
    if isinstance(archive, Path):
        return archive
    copy = scratch / "course.xml.tar.gz"
    with storage_errors(archive, "download"):
        archive.fs.get_file(archive.path, str(copy))
    return copy


def _seen(extract: CourseExtract) -> dict[str, dg.MetadataValue[Any]]:
    shown = [f"{error.path}: {error.reason}" for error in extract.errors[:_SHOWN_ERRORS]]
    return {
        "archive_course_id": dg.MetadataValue.text(str(extract.archive_key or "")),
        "blocks": dg.MetadataValue.json(dict(extract.counts)),
        "unreadable_members": dg.MetadataValue.int(len(extract.errors)),
        "first_errors": dg.MetadataValue.json(shown),
    }
