"""The BPF as a form: on which line a share of a price, or a trainee, stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.training.domain.notices import SELF, ContractKind, FundingShare

OWN_COSTS, SELF_EMPLOYED = "d", "e"
"""The two types of trainees that the notices can tell apart."""


@dataclass(frozen=True)
class BpfForm:
    """The form's lines and labels, in its order, and who or what stands on which: dated data."""

    own: Mapping[ContractKind, str]
    funds: Mapping[str, str]
    products: Mapping[str, str]
    trainees: Mapping[str, str]
    not_filled: Mapping[str, str]

    def product_line(self, share: FundingShare, contract: ContractKind) -> str | None:
        """The line of frame C that a share stands on; None for a fund that has none yet."""
        if share.payer == SELF:
            return self.own[contract]
        return self.funds.get(share.payer)

    def trainee_line(self, shares: Sequence[FundingShare], contract: ContractKind) -> str:
        """The line of frame F-1 that a trainee stands on."""
        alone = all(share.payer == SELF for share in shares)
        return OWN_COSTS if alone and contract is ContractKind.CONTRAT else SELF_EMPLOYED
