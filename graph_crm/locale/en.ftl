### What the platform says, in English. A message is named as the code of a reason, or for what it is said.
### The numbers of the verdict are its variables; see docs/why.md before changing one.

## Words of closed lists, as they stand in a sentence: variable-value

channel-phone = by phone
channel-sms = by text message
channel-email = by e-mail
channel-atm = at a cash machine
channel-online = in the online bank
channel-branch = in a branch
channel-letter = by letter
channel-push = by push message
channel-any = by any channel
purpose-marketing = marketing
purpose-service = service
purpose-survey = surveys
purpose-partners = offers of partners
purpose-profiling = profiling
verdict-pass = yes
verdict-hold = not yet
verdict-drop = no
status-proposed = proposed
status-waiting = waiting
status-reserved = reserved
status-presented = presented
status-clicked = clicked
status-accepted = accepted
status-rejected = refused
status-ignored = ignored
status-later = to be asked later
status-no-answer = not answered
status-cancelled = cancelled
status-expired = expired
gate-rule = the rule itself
gate-eligibility = may the bank
gate-applicability = does it make sense
gate-suitability = is it right for the customer
gate-control-group = control group
gate-consent = consent
gate-suppression = the customer's situation
gate-cool-off = rest after earlier answers
gate-contact-limits = contact limits
gate-contact-times = times of the day
gate-arbitration = choice among all offers
gate-treatment = way to the customer
gate-reservation = reservation of the contact

## The rule itself

HOLDS =
    The customer has { $product } since { $since } ({ $days_held ->
        [one] { $days_held } day
       *[other] { $days_held } days
    }).
HOLDS_NOT = The customer has nothing that fits: { $what }.
HOLDS_UNKNOWN = The customer may have { $what }: a fact is missing.
what-anything = any product
IN_DEFAULT = An agreement of the customer is in arrears or in default.
NOT_IN_DEFAULT = No agreement of the customer is in arrears or in default.
DEFAULT_UNKNOWN = Whether the customer is in arrears is not known.
DID =
    The event { $event } happened { $events ->
        [one] once
       *[other] { $events } times
    } in the time that counts.
DID_NOT =
    The event { $event } did not happen often enough: { $events ->
        [one] once
       *[other] { $events } times
    } in the time that counts.
INTERESTED = The customer is interested in { $what }: { $score }, { $wanted } is enough.
INTERESTED_NOT = The customer is not interested enough in { $what }: { $score } of { $wanted }.
CONTACTED =
    The bank was in contact with the customer { $contacts ->
        [one] once
       *[other] { $contacts } times
    } in the time that counts.
CONTACTED_NOT =
    The bank was not in contact with the customer often enough: { $contacts ->
        [one] once
       *[other] { $contacts } times
    } in the time that counts.
IS_PERSON = The customer is a person.
IS_ORGANIZATION = The customer is an organization.
AGE =
    The customer is { $age ->
        [one] { $age } year
       *[other] { $age } years
    } old.
AGE_UNKNOWN = The customer's birth date is not known.
SEGMENT = The customer's segment is { $value }.
SEGMENT_UNKNOWN = The customer's segment is not known.
COUNTRY = The customer's country is { $value }.
COUNTRY_UNKNOWN = The customer's country is not known.
REGION = The customer's region is { $value }.
REGION_UNKNOWN = The customer's region is not known.
RELATED = The customer is tied to somebody who fits ({ $tie }).
RELATED_NOT = The customer is tied to nobody who fits ({ $tie }).
RELATED_UNKNOWN = Whether the customer is tied to somebody who fits ({ $tie }) is not known.
EVERYONE = It holds for everyone.
NOBODY = It holds for nobody.
ALWAYS = The rule asks nothing of the customer.
SENTENCE_UNKNOWN = Every reason that could be said names a number that is not known here.

## May the bank, does it make sense, is it right

ELIGIBLE = The customer may be offered it.
DECEASED = The customer has died.
PARTY_ENDED = The bank no longer deals with the customer.
PARTY_BLOCKED = The customer is blocked.
PARTY_MERGING = The customer is just being made one with another: soon.
PARTY_RESTRICTED = The customer's data are only kept: nothing may be done with them.
MINOR = Credit is for adults; the customer is a minor.
APPLICABLE = The product is sold, and the customer does not have it yet.
PRODUCT_UNKNOWN = The catalogue has no product { $product }.
PRODUCT_NOT_SOLD = The product { $product } is no longer sold.
OWNED_ALREADY = The customer has { $product } since { $since }.
OFFERED_ALREADY = An offer of { $product } has been on its way since { $since }.
OFFERED_IN_EPISODE = This was offered on { $on } for the same reason already.
SUITABLE = Nothing speaks against it: no agreement of the customer is in arrears.
NOT_PROMOTIONAL = It is no promotion: the control group is kept from promotion only.
IN_CONTROL_GROUP = The customer is in the control group, which receives no promotion.
NOT_IN_CONTROL_GROUP = The customer is not in the control group.

## Consent

CONSENT_GRANTED = The customer has agreed to be contacted { $channel }.
CONSENT_DENIED = The customer has refused to be contacted { $channel }.
CONSENT_WITHDRAWN = The customer has withdrawn the consent to be contacted { $channel }.
CONSENT_UNKNOWN = The customer has not agreed to be contacted { $channel }: unknown is no.
CONSENT_NOT_NEEDED = The law demands this contact: consent is not asked.
CONTRACT = It is the customer's own business, and the customer has not refused it.
PROFILING_OBJECTED = The customer objects to profiling: no promotional offers are made.
NO_OBJECTION = The customer does not object to profiling.
NOTHING_AGAINST = Nothing speaks against it now.
POINT_STOPPED = Somebody who uses this phone number or address has stopped contacts there.

## The customer's situation

NOT_SUPPRESSED = Nothing in the customer's situation forbids it.
MANDATORY = The law demands this contact: nothing stops it.
NO_CONTACT_POINT = The customer can not be reached { $channel }: no number or address is known.
POINT_UNKNOWN = The number or address is not the customer's, or not of this channel.
POINT_BLOCKED = The number or address is blocked.
VULNERABLE = The customer needs special care: no promotion.
ARREARS = An agreement of the customer is in arrears, or nobody knows whether it is: no promotion.
COMPLAINT_OPEN = A complaint of the customer is open: no promotion until it is settled.
COLLECTIONS =
    Collections spoke with the customer lately: no promotion for { $days ->
        [one] { $days } day
       *[other] { $days } days
    }.

## Rest after earlier answers

NO_COOL_OFF = No earlier answer of the customer asks for rest.
PRODUCT_REFUSED =
    The customer refused this product: the bank rests for { $days ->
        [one] { $days } day
       *[other] { $days } days
    }, until { $until }.
FAMILY_REFUSED =
    The customer refused a similar product: the bank rests for { $days ->
        [one] { $days } day
       *[other] { $days } days
    }, until { $until }.
REFUSED_REPEATEDLY =
    The customer refused { $refusals ->
        [one] { $refusals } offer
       *[other] { $refusals } offers
    } in { $within_days ->
        [one] { $within_days } day
       *[other] { $within_days } days
    }: no promotion until { $until }.
ASKED_LATER = The customer asked to be asked later: not before { $until }.
IGNORED =
    The customer ignored an offer of this product: the bank rests for { $days ->
        [one] { $days } day
       *[other] { $days } days
    }, until { $until }.
NO_ANSWER =
    Nobody answered the last time: the bank rests for { $days ->
        [one] { $days } day
       *[other] { $days } days
    }, until { $until }.

## Contact limits and times of the day

LIMITS_SKIPPED = Contact limits bind only promotion that the bank begins.
WITHIN_LIMITS = Every contact limit has room.
CONTACT_LIMIT =
    The contact limit { $limit } is full: { $used } of { $count ->
        [one] { $count } contact
       *[other] { $count } contacts
    } within { $days ->
        [one] { $days } day
       *[other] { $days } days
    }.
TIMES_SKIPPED = Quiet hours do not bind this contact.
ANY_TIME = The customer may be contacted { $channel } at any time.
CONTACT_TIME = At this time the customer may be contacted { $channel }.
TIME_ZONE_UNKNOWN = The customer's time zone is not known: it may be night there.
HOLIDAYS_UNKNOWN = The public holidays where the customer lives are not known.
PUBLIC_HOLIDAY = It is a public holiday where the customer lives.
CLOSED_DAY = On this day of the week customers are not contacted { $channel }.
QUIET_HOURS = It is outside the hours in which customers are contacted { $channel }.
LIMITS_UNKNOWN = The plugin { $plugin } could not say its contact limits: nobody is contacted.

## Choice, way and reservation

RANKED = It is number { $rank } among the offers.
SHADOW = The rule only watches: it is in shadow mode.
SAME_PRODUCT = A better proposal offers the same product.
TOO_MANY = Enough better offers were found.
CHANNEL_CHOSEN = It is said { $channel }.
CUSTOMER_IS_HERE = The customer is here: there is no contact to reserve.
CUSTOMER_COMES = It is shown when the customer comes: there is no contact to reserve.
WAITS = It waits until the customer may be contacted.
BETTER_OFFER_FIRST = A better offer has the contact.
RESERVED = The contact is reserved.

## Where an offer stands

SLOT_HELD = Its contact is reserved.
SLOT_CANCELLED = The contact that was reserved for it was cancelled.
SLOT_RELEASED = The contact that was reserved for it was given back.
SLOT_EXPIRED = The contact that was reserved for it was not made in time.
CONTACT_MADE = The contact was made.
ANSWERED = The customer has answered.
ANSWERED_LATE = The customer has answered after it had ended.
NOT_ANSWERED_IN_TIME = It was not answered in time.
VALIDITY_OVER = Its time is over.
RULE_GONE = The rule that proposed it is no longer there, or no longer holds.

## Why was the customer contacted

why-outbound = { $customer } was contacted { $channel } on { $at }.
why-outbound-about = { $customer } was contacted { $channel } on { $at } about { $product }.
why-inbound = { $customer } contacted the bank { $channel } on { $at }.
why-inbound-about = { $customer } contacted the bank { $channel } on { $at }; the talk was about { $product }.
why-employee = No decision of the platform led to this contact: somebody recorded it without one.
why-source = It was recorded by { $source }.
why-event = It was decided on { $at }, because of the event { $event } of { $happened }.
why-asked = It was decided on { $at }, when the customer was in touch with the bank.
why-scan = It was decided on { $at }, when the bank looked through its customers.
why-rule = The rule “{ $rule }” proposed it ({ $id }, version { $version }).
why-again = The offer waited, and was judged again on { $at }.
why-reasons = What was to be said: { $reasons }
why-checks =
    It passed { $checks ->
        [one] { $checks } check
       *[other] { $checks } checks
    }.
why-held = The check “{ $gate }” let it wait first: { $sentence }
why-consent-granted = The customer agreed to { $purpose } { $channel } on { $since } (record { $id }).
why-consent-denied = The customer refused { $purpose } { $channel } on { $since } (record { $id }).
why-consent-withdrawn = The customer withdrew the consent to { $purpose } { $channel } on { $since } (record { $id }).
why-override =
    The limit { $limit } was shortened to { $days ->
        [one] { $days } day
       *[other] { $days } days
    } for it: { $asked } asked for this, { $approved } approved it. { $reason }
why-policy = The contact policy in force was version { $version }.

## Why was it not offered

why-not-unknown-product = The catalogue has no product { $code }.
why-not-never = { $product } was never considered for { $customer }: no rule that offers it was asked about this customer.
why-not-stopped = { $product } was not offered to { $customer }: on { $at } the check “{ $gate }” stopped it. { $sentence }
why-not-proposed = { $product } was proposed to { $customer } on { $at }; the offer is now { $status }.
why-not-held = The customer may not be contacted with it yet. { $sentence }
why-not-open = { $product } was considered for { $customer } on { $at }; no check stopped it, and it was not offered.
why-not-rule = The rule that offers it is “{ $rule }” ({ $id }).
why-not-earliest = As far as was known then, it is possible from { $at } on.

## A whole decision

decision-proposed = Decided for { $party } on { $at }, because of { $trigger }: something is offered.
decision-nothing = Decided for { $party } on { $at }, because of { $trigger }: nothing is offered.
decision-candidate-offered = Rule { $rule }, product { $product }: offered, place { $rank }.
decision-candidate-dropped = Rule { $rule }, product { $product }: not offered.
decision-gate = { $gate }: { $verdict }. { $sentence }
decision-held = The customer may not be contacted with it yet.

## Messages

unsubscribe-line = You don't want such messages any more? Withdraw your consent here:

## Pages that links in messages lead to

page-instant = { $at }
page-status = Status
page-status-new = received
page-status-assigned = being worked on
page-status-waiting-for-customer = waiting for the customer
page-status-answered = answered
page-status-closed = closed
page-status-reopened = being worked on again
page-kind = Kind
page-kind-request = request
page-kind-complaint = complaint
page-owner = Responsible
page-due = Answer due
page-late = overdue
page-customer = Customer
page-name = Name
page-care = needs special care
page-segment = Segment
page-reach = Reachable at
page-products = Products
page-open-requests = Open requests
page-no-customer = Nobody whom the bank knows.
page-no-subject = without a subject
page-messages = What was said
page-from-you = You
page-from-bank = The bank
page-document = Document: { $name }
page-document-state = { $bytes } bytes, { $state }
state-clean = scanned
state-unscanned = not scanned
state-scanning = being scanned
state-refused = refused
page-entry-opened = Customer asked
page-entry-acknowledged = Receipt confirmed
page-entry-sorted = Sorted
page-entry-assigned = Assigned
page-entry-escalated = Put before the supervisor
page-entry-customer-wrote = Customer wrote
page-entry-answered = Answered
page-entry-note = Note
page-entry-waiting = Question to the customer
page-entry-resumed = Taken up again
page-entry-warned = Target is near
page-entry-breached = Target missed
page-entry-closed = Closed
page-entry-reopened = Opened again
page-entry-attached = Document added
page-entry-surveyed = Survey answered
page-desk-title = answer a request
page-desk-you = You answer as { $name }.
page-articles = What may help
page-article-used = the answer rests on it
page-answer = Answer
page-answer-text = Your answer to the customer
page-files =
    Documents ({ $files ->
        [one] at most one
       *[other] at most { $files }
    })
page-close = the request is done with it
page-outcome = When done: was the customer right?
page-outcome-upheld = yes
page-outcome-partly-upheld = in part
page-outcome-rejected = no
page-cause = When done: what caused it
page-cause-staff-mistake = a mistake of an employee
page-cause-staff-conduct = how an employee behaved
page-cause-system-fault = software or a machine failed
page-cause-process-delay = it took too long
page-cause-communication = the bank said it badly, late or not at all
page-cause-fees-and-rates = fees, interest or exchange rates
page-cause-product-terms = the terms of a product
page-cause-sales-practice = how something was sold
page-cause-fraud-by-others = fraud by somebody outside
page-cause-misunderstanding = a misunderstanding
page-cause-third-party = a partner or supplier of the bank
page-cause-other = something else
page-send-answer = Send answer
page-sent = Sent. The customer is being told.
page-closed-hint = The request is closed. Open it again before you answer.
page-request-title = Your request { $number }
page-write = Write to us
page-your-message = Your message
page-send = Send
page-written = We have received your message.
page-unsubscribe-title = Messages from your bank
page-unsubscribe-question = Do you no longer want to be contacted { $channel } about { $purpose }?
page-unsubscribe-button = Withdraw my consent
page-unsubscribe-done = Your consent is withdrawn: you will no longer be contacted { $channel } about { $purpose }.
page-problem-link = This link can't be used
page-problem-missing = This is not here
page-problem-other = That did not work
page-problem-hint = If you need help, contact the bank in the way you know.
page-survey-title = How did we deal with your complaint?
page-survey-question = How content are you with the way it was dealt with?
page-survey-5 = very content
page-survey-4 = content
page-survey-3 = neither
page-survey-2 = not content
page-survey-1 = not content at all
page-survey-text = What should we do better? (if you like)
page-survey-done = Thank you. Your answer helps us.
page-thanks-title = Thank you
page-thanks-number = We have received your message. It has the number { $number }.
page-thanks-hint = A confirmation is on its way to your e-mail address. Please name the number when you write to us again.
page-error = That did not work. Please try again, or contact the bank in the way you know.
page-error-already-decided = This can't be answered any more: its time is over, or the complaint was opened again.
page-error-already-exists = You have answered this before. Thank you.
page-error-attachment-refused = { $name } can't be taken: it is empty, too large, or of a kind that the bank does not take. Leave it out, or choose another one.
page-error-attachment-too-large = The document is too large.
page-error-bad-user-input = Something in the form is missing or can't be used. Please look at it again.
page-error-bad-user-input-category = There is no such topic. Please choose another one.
page-error-bad-user-input-email = This is no e-mail address that we can answer. Please correct it.
page-error-bad-user-input-file = What you send is too large. Please send less at once.
page-error-bad-user-input-language = We do not know this language.
page-error-bad-user-input-outcome = Say whether the customer was right before you close the complaint.
page-error-bad-user-input-root-cause = Say what caused the complaint before you close it.
page-error-bad-user-input-score = Please choose one of the five answers.
page-error-bad-user-input-subject = The subject is missing or too long.
page-error-bad-user-input-text = The text is missing or too long.
page-error-bad-user-input-token = The link is not complete or was not made by the bank. Open it from the message again.
page-error-bad-user-input-website = One field was filled in that people do not see. Please send the form again without it.
page-error-database-busy = This is not possible right now. Please try again in a minute.
page-error-database-timeout = { page-error-database-busy }
page-error-database-unavailable = { page-error-database-busy }
page-error-storage-unavailable = { page-error-database-busy }
page-error-forbidden = This document can't be opened.
page-error-forbidden-scanning = The document is being checked. Please try again later.
page-error-forbidden-refused = The document did not pass the check and can't be opened.
page-error-idempotency-key-reused = This form was sent before with other words. Open the page again to write more.
page-error-not-found = There is nothing here, or it is not yours.
page-error-request-closed = The request is closed. Please open a new one that names its number.
page-error-too-often = That was a lot within a short time. Please send it later.
page-error-unauthenticated = The link is not complete, has expired, or belongs to somebody else. Open it from the message again, or ask for a new one.
page-error-version-conflict = Something happened to the request since you opened this page. It is shown now: look at it, then send your answer again.
