"""The shapes of queries whose statements are committed: one file each in `snapshots/`."""

from __future__ import annotations

from typing import Any

SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "party_360": (
        """
        query Party360($id: ID!) {
          party(id: $id) {
            id
            displayName
            ... on Person { birthDate }
            ... on Organization { industry }
            agreements(first: 20) {
              edges { role since node { id status balance product { code name family { name } } } }
            }
            interactions(first: 10) { nodes { at channel outcome } }
            relationships(first: 20) { edges { kind role reciprocalRole node { id displayName } } }
            contactPoints { edges { usage node { kind value } } }
            decisions(first: 5) {
              nodes {
                at
                trace { rule gates { name passed reason numbers } }
                causedBy { type payload }
                offers { nodes { status reasons product { name } } }
              }
            }
          }
        }
        """,
        {"id": "p1"},
    ),
    "look_up": ('{ party(id: "p2") { id displayName city version } }', {}),
    "page_with_nested_pages": (
        """
        query Parties($first: Int, $each: Int = 3) {
          parties(first: $first, orderBy: DISPLAY_NAME_ASC) {
            totalCount
            pageInfo { hasNextPage endCursor }
            nodes { id displayName agreements(first: $each) { totalCount nodes { id amount } } }
          }
        }
        """,
        {"first": 4},
    ),
    "three_levels": (
        """
        {
          parties(first: 3) {
            nodes {
              id
              agreements(first: 5) {
                nodes {
                  id
                  holders(first: 5) {
                    edges { role node { displayName agreements(first: 5) { nodes { id productCode } } } }
                  }
                }
              }
            }
          }
        }
        """,
        {},
    ),
    "filter_equality": (
        """
        query F($cities: [String!], $status: PartyStatus) {
          parties(
            where: {
              city: {in: $cities, ne: "Brno"}, status: {eq: $status}, segment: {notIn: ["C"]}, blocked: {eq: false}
              region: {isNull: true}, version: {gte: 1, lt: 3}
            }
          ) { nodes { id } }
        }
        """,
        {"cities": ["Praha", "Brno"], "status": "ACTIVE"},
    ),
    "filter_text_and_lists": (
        """
        query F($text: String!) {
          parties(
            where: {displayName: {contains: $text, startsWith: "Já"}, identifiers: {has: "X", hasAny: ["Y", "Z"]}}
          ) { totalCount }
        }
        """,
        {"text": "NOVÁK"},
    ),
    "filter_ranges_of_every_kind": (
        """
        query F($from: DateTime, $day: Date, $most: Decimal) {
          parties(where: {createdAt: {gte: $from}, person: {birthDate: {lt: $day}}}) { nodes { id } }
          agreements(where: {amount: {lte: $most, gt: "-1.50"}, interestRate: {gte: 0.01}, openedOn: {ne: $day}}) {
            nodes { id }
          }
        }
        """,
        {"from": "2020-01-01T01:00:00+01:00", "day": "2000-01-01", "most": 1234.5},
    ),
    "filter_some_none_every": (
        """
        {
          parties(
            where: {
              agreements: {
                some: {familyCode: {eq: "LOAN"}}
                none: {familyCode: {eq: "CARD"}}
                every: {currency: {eq: "CZK"}}
              }
            }
          ) { nodes { id } }
        }
        """,
        {},
    ),
    "filter_edges": (
        """
        {
          parties(where: {agreements: {some: {edge: {role: {eq: OWNER}, until: {isNull: true}}}}}) { nodes { id } }
          party(id: "p1") {
            agreements(where: {edge: {since: {lt: "2020-01-01"}}, product: {family: {code: {eq: "LOAN"}}}}) {
              edges { role until node { id } }
            }
          }
        }
        """,
        {},
    ),
    "filter_and_or_not": (
        """
        query F($other: PartyFilter!) {
          parties(
            where: {
              or: [{city: {eq: "Praha"}}, {and: [{segment: {eq: "B"}}, {not: {blocked: {eq: true}}}]}, $other]
              not: {displayName: {startsWith: "z"}}
            }
          ) { nodes { id city segment } }
        }
        """,
        {"other": {"organization": {"industry": {"isNull": False}}}},
    ),
    "orderings": (
        """
        query O($order: [PartyOrderBy!]) {
          parties(orderBy: $order) { nodes { id city createdAt } }
          party(id: "p1") { agreements(orderBy: [HOLDING_SINCE_DESC, AMOUNT_ASC]) { edges { since node { amount } } } }
        }
        """,
        {"order": ["CITY_DESC", "CREATED_AT_ASC"]},
    ),
    "keyset_forwards": (
        """
        query K($after: String) {
          parties(first: 2, after: $after, orderBy: [DISPLAY_NAME_ASC]) {
            edges { cursor node { id } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
          }
        }
        """,
        {"after": "cursor of p2 by DISPLAY_NAME_ASC"},
    ),
    "keyset_forwards_nullable": (
        """
        query K($after: String) {
          parties(first: 2, after: $after, orderBy: [CITY_DESC, CREATED_AT_ASC]) { nodes { id } }
        }
        """,
        {"after": "cursor of p2 by CITY_DESC CREATED_AT_ASC"},
    ),
    "keyset_backwards": (
        """
        query K($before: String) {
          parties(last: 2, before: $before, orderBy: [DISPLAY_NAME_ASC]) {
            nodes { id }
            pageInfo { hasNextPage hasPreviousPage }
          }
        }
        """,
        {"before": "cursor of p2 by DISPLAY_NAME_ASC"},
    ),
    "as_of_inherited": (
        """
        query A($day: Date!) {
          party(id: "p1", asOf: $day) {
            agreements {
              edges { role node { id status balance holders { nodes { id } } now: status(asOf: "2023-01-01") } }
            }
            later: agreements(asOf: "2022-01-01") { nodes { id status } }
          }
        }
        """,
        {"day": "2019-06-15"},
    ),
    "interface_fragments": (
        """
        {
          parties(first: 10) {
            nodes {
              __typename
              id
              ... on Person { name: givenName relationships(first: 1) { totalCount } }
              ... on Organization { name: legalName industry }
              ... on Party { city }
            }
          }
        }
        """,
        {},
    ),
    "named_fragments": (
        """
        { a: party(id: "p1") { ...Card } b: party(id: "o1") { ...Card city } }
        fragment Card on Party { id ...Name agreements(first: 1) { nodes { ...Deal } } }
        fragment Name on Party { displayName }
        fragment Deal on Agreement { id product { name } }
        """,
        {},
    ),
    "aliases_with_different_arguments": (
        """
        {
          party(id: "p1") {
            loans: agreements(where: {familyCode: {eq: "LOAN"}}, first: 1) { totalCount nodes { id } }
            cards: agreements(where: {familyCode: {eq: "CARD"}}) { nodes { id number: id } }
            all: agreements { totalCount }
          }
        }
        """,
        {},
    ),
    "merged_fields": (
        """
        {
          party(id: "p1") {
            agreements(first: 2) { nodes { id } }
            displayName
            agreements(first: 2) { totalCount nodes { status product { code } } }
            ... on Person { agreements(first: 2) { nodes { product { name } } } }
          }
        }
        """,
        {},
    ),
    "skip_and_include": (
        """
        query S($yes: Boolean!, $no: Boolean = false) {
          party(id: "p1") {
            id @include(if: true)
            city @skip(if: true)
            displayName @include(if: $yes)
            segment @include(if: $no)
            ... @skip(if: $yes) { region }
            ...More @include(if: $yes)
          }
        }
        fragment More on Party { version }
        """,
        {"yes": True},
    ),
    "typename_everywhere": (
        """
        {
          __typename
          parties(first: 1) {
            __typename
            pageInfo { __typename }
            edges { __typename node { __typename kind: __typename } }
          }
          product(code: "CASH_LOAN") { a: __typename b: __typename }
        }
        """,
        {},
    ),
    "counts": (
        """
        {
          parties(where: {city: {eq: "Praha"}}) { totalCount }
          party(id: "p1") { agreements { totalCount } events { n: totalCount } }
        }
        """,
        {},
    ),
    "search": (
        """
        query S($text: String!) {
          searchParties(query: $text, first: 5, where: {person: {}}) {
            totalCount
            edges { node { id displayName } }
          }
        }
        """,
        {"text": "Novak"},
    ),
    "computed_fields": (
        """
        {
          party(id: "o1") {
            relationships(orderBy: TIE_SINCE_ASC) {
              edges { id kind outgoing role reciprocalRole share node { id } }
            }
          }
        }
        """,
        {},
    ),
    "one_relations": (
        """
        {
          event(id: "e1") { party { id } agreement { product { family { code } } } decisions { nodes { id } } }
          offers { nodes { id decision { causedBy { id } party { displayName } } product { code } } }
        }
        """,
        {},
    ),
    "shaped_fields": (
        """
        query ($contact: ID!, $product: ID!) {
          party(id: "o1") {
            whyContacted(interactionId: $contact, language: "pl") { decided text gates { name } cause { eventType } }
            card: whyNot(productCode: "CREDIT_CARD") { considered }
            other: whyNot(productCode: $product) { considered gate { sentence } __typename }
          }
        }
        """,
        {"contact": "i1", "product": "SMS"},
    ),
}
