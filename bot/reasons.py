"""Why an access has ended, in the words of a grant and in those of a CRL."""

from pki.crl import RevocationReason
from storage.records import EndReason

CRL_REASONS = {
    EndReason.ENDED: RevocationReason.CESSATION_OF_OPERATION,
    EndReason.REVOKED: RevocationReason.UNSPECIFIED,
    EndReason.BY_OWNER: RevocationReason.CESSATION_OF_OPERATION,
    EndReason.REMOVED: RevocationReason.AFFILIATION_CHANGED,
    EndReason.REPLACED: RevocationReason.SUPERSEDED,
    EndReason.LOST: RevocationReason.KEY_COMPROMISE,
    EndReason.UNDELIVERABLE: RevocationReason.CESSATION_OF_OPERATION,
    EndReason.NOT_TAKEN: RevocationReason.CESSATION_OF_OPERATION,
    EndReason.STOLEN: RevocationReason.KEY_COMPROMISE,
    EndReason.EARLIER: RevocationReason.UNSPECIFIED,
}

# An end by the owner may have been one by the time.
END_REASONS = {
    RevocationReason.UNSPECIFIED: EndReason.REVOKED,
    RevocationReason.CESSATION_OF_OPERATION: EndReason.BY_OWNER,
    RevocationReason.AFFILIATION_CHANGED: EndReason.REMOVED,
    RevocationReason.SUPERSEDED: EndReason.REPLACED,
    RevocationReason.KEY_COMPROMISE: EndReason.LOST,
}
