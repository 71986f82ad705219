### Co platforma mówi, po polsku. Komunikat nazywa się jak kod powodu albo jak to, czemu służy.
### Jego zmiennymi są liczby z werdyktu; przed zmianą warto przeczytać docs/why.md.

## Słowa z zamkniętych list, tak jak stoją w zdaniu: zmienna-wartość

channel-phone = telefonicznie
channel-sms = SMS-em
channel-email = e-mailem
channel-atm = przy bankomacie
channel-online = w bankowości internetowej
channel-branch = w oddziale
channel-letter = listownie
channel-push = powiadomieniem w aplikacji
channel-any = dowolnym kanałem
purpose-marketing = marketing
purpose-service = obsługę
purpose-survey = ankiety
purpose-partners = oferty partnerów
purpose-profiling = profilowanie
verdict-pass = tak
verdict-hold = jeszcze nie
verdict-drop = nie
status-proposed = zaproponowana
status-waiting = oczekująca
status-reserved = zarezerwowana
status-presented = przedstawiona
status-clicked = otwarta
status-accepted = przyjęta
status-rejected = odrzucona
status-ignored = zignorowana
status-later = odłożona na później
status-no-answer = bez odpowiedzi
status-cancelled = anulowana
status-expired = wygasła
gate-rule = sama reguła
gate-eligibility = czy bank może
gate-applicability = czy to ma sens
gate-suitability = czy to dobre dla klienta
gate-control-group = grupa kontrolna
gate-consent = zgoda
gate-suppression = sytuacja klienta
gate-cool-off = przerwa po wcześniejszych odpowiedziach
gate-contact-limits = limity kontaktów
gate-contact-times = pory dnia
gate-arbitration = wybór spośród wszystkich ofert
gate-treatment = droga do klienta
gate-reservation = rezerwacja kontaktu

## Sama reguła

HOLDS =
    Klient ma { $product } od { $since } ({ $days_held ->
        [one] { $days_held } dzień
        [few] { $days_held } dni
        [many] { $days_held } dni
       *[other] { $days_held } dnia
    }).
HOLDS_NOT = Klient nie ma niczego, co pasuje: { $what }.
HOLDS_UNKNOWN = Klient może mieć { $what }: brakuje danych.
what-anything = dowolny produkt
IN_DEFAULT = Któraś umowa klienta jest w zaległości lub niespłacana.
NOT_IN_DEFAULT = Żadna umowa klienta nie jest w zaległości ani niespłacana.
DEFAULT_UNKNOWN = Nie wiadomo, czy klient ma zaległości.
DID =
    Zdarzenie { $event } wystąpiło { $events ->
        [one] raz
        [few] { $events } razy
        [many] { $events } razy
       *[other] { $events } raza
    } w okresie, który się liczy.
DID_NOT =
    Zdarzenie { $event } wystąpiło zbyt rzadko: { $events ->
        [one] raz
        [few] { $events } razy
        [many] { $events } razy
       *[other] { $events } raza
    } w okresie, który się liczy.
INTERESTED = Klient interesuje się { $what }: { $score }, wystarczy { $wanted }.
INTERESTED_NOT = Klient za mało interesuje się { $what }: { $score } z { $wanted }.
CONTACTED =
    Bank kontaktował się z klientem { $contacts ->
        [one] raz
        [few] { $contacts } razy
        [many] { $contacts } razy
       *[other] { $contacts } raza
    } w okresie, który się liczy.
CONTACTED_NOT =
    Bank kontaktował się z klientem zbyt rzadko: { $contacts ->
        [one] raz
        [few] { $contacts } razy
        [many] { $contacts } razy
       *[other] { $contacts } raza
    } w okresie, który się liczy.
IS_PERSON = Klient jest osobą fizyczną.
IS_ORGANIZATION = Klient jest organizacją.
AGE =
    Klient ma { $age ->
        [one] { $age } rok
        [few] { $age } lata
        [many] { $age } lat
       *[other] { $age } roku
    }.
AGE_UNKNOWN = Data urodzenia klienta nie jest znana.
SEGMENT = Segment klienta to { $value }.
SEGMENT_UNKNOWN = Segment klienta nie jest znany.
COUNTRY = Kraj klienta to { $value }.
COUNTRY_UNKNOWN = Kraj klienta nie jest znany.
REGION = Region klienta to { $value }.
REGION_UNKNOWN = Region klienta nie jest znany.
RELATED = Klienta łączy więź z kimś, kto pasuje ({ $tie }).
RELATED_NOT = Klienta nie łączy więź z nikim, kto pasuje ({ $tie }).
RELATED_UNKNOWN = Nie wiadomo, czy klienta łączy więź z kimś, kto pasuje ({ $tie }).
EVERYONE = Dotyczy każdego.
NOBODY = Nie dotyczy nikogo.
ALWAYS = Reguła niczego od klienta nie wymaga.
SENTENCE_UNKNOWN = Każdy powód, który można by podać, wymienia liczbę, której tu nie znamy.

## Czy bank może, czy to ma sens, czy to dobre dla klienta

ELIGIBLE = Klientowi wolno to zaproponować.
DECEASED = Klient zmarł.
PARTY_ENDED = Bank nie prowadzi już relacji z klientem.
PARTY_BLOCKED = Klient jest zablokowany.
PARTY_MERGING = Dane klienta są właśnie łączone z danymi innego: niebawem.
PARTY_RESTRICTED = Dane klienta są tylko przechowywane: nie wolno ich używać.
MINOR = Kredyt jest dla pełnoletnich, a klient jest niepełnoletni.
APPLICABLE = Produkt jest w sprzedaży, a klient jeszcze go nie ma.
PRODUCT_UNKNOWN = W katalogu nie ma produktu { $product }.
PRODUCT_NOT_SOLD = Produkt { $product } nie jest już sprzedawany.
OWNED_ALREADY = Klient ma { $product } od { $since }.
OFFERED_ALREADY = Oferta produktu { $product } czeka na kontakt od { $since }.
OFFERED_IN_EPISODE = Zaproponowano to już z tego samego powodu dnia { $on }.
SUITABLE = Nic nie stoi na przeszkodzie: żadna umowa klienta nie jest w zaległości.
NOT_PROMOTIONAL = To nie promocja: grupa kontrolna nie dostaje tylko promocji.
IN_CONTROL_GROUP = Klient jest w grupie kontrolnej, która nie dostaje promocji.
NOT_IN_CONTROL_GROUP = Klient nie jest w grupie kontrolnej.

## Zgoda

CONSENT_GRANTED = Klient zgodził się, by bank kontaktował się z nim { $channel }.
CONSENT_DENIED = Klient odmówił zgody, by bank kontaktował się z nim { $channel }.
CONSENT_WITHDRAWN = Klient wycofał zgodę, by bank kontaktował się z nim { $channel }.
CONSENT_UNKNOWN = Klient nie zgodził się, by bank kontaktował się z nim { $channel }: brak zgody znaczy nie.
CONSENT_NOT_NEEDED = Tego kontaktu wymaga prawo: o zgodę się nie pyta.
CONTRACT = To własna sprawa klienta, a klient tego nie odmówił.
PROFILING_OBJECTED = Klient sprzeciwił się profilowaniu: nie składa się mu ofert promocyjnych.
NO_OBJECTION = Klient nie sprzeciwia się profilowaniu.
NOTHING_AGAINST = Teraz nic nie stoi na przeszkodzie.
POINT_STOPPED = Ktoś, kto używa tego numeru lub adresu, zatrzymał tam kontakty.

## Sytuacja klienta

NOT_SUPPRESSED = Nic w sytuacji klienta tego nie zabrania.
MANDATORY = Tego kontaktu wymaga prawo: nic go nie wstrzymuje.
NO_CONTACT_POINT = Z klientem nie można skontaktować się { $channel }: brak numeru lub adresu.
POINT_UNKNOWN = Numer lub adres nie należy do klienta albo nie pasuje do kanału.
POINT_BLOCKED = Numer lub adres jest zablokowany.
VULNERABLE = Klient wymaga szczególnej troski: żadnych promocji.
ARREARS = Umowa klienta jest w zaległości albo nie wiadomo, czy jest: żadnych promocji.
COMPLAINT_OPEN = Reklamacja klienta jest w toku: żadnych promocji do jej rozpatrzenia.
COLLECTIONS =
    Windykacja rozmawiała niedawno z klientem: żadnych promocji przez { $days ->
        [one] { $days } dzień
        [few] { $days } dni
        [many] { $days } dni
       *[other] { $days } dnia
    }.

## Przerwa po wcześniejszych odpowiedziach

NO_COOL_OFF = Żadna wcześniejsza odpowiedź klienta nie wymaga przerwy.
PRODUCT_REFUSED =
    Klient odmówił tego produktu: bank nie wraca do niego przez { $days ->
        [one] { $days } dzień
        [few] { $days } dni
        [many] { $days } dni
       *[other] { $days } dnia
    }, do { $until }.
FAMILY_REFUSED =
    Klient odmówił podobnego produktu: bank nie wraca do niego przez { $days ->
        [one] { $days } dzień
        [few] { $days } dni
        [many] { $days } dni
       *[other] { $days } dnia
    }, do { $until }.
REFUSED_REPEATEDLY =
    Klient odmówił { $refusals ->
        [one] { $refusals } oferty
        [few] { $refusals } ofert
        [many] { $refusals } ofert
       *[other] { $refusals } oferty
    } w ciągu { $within_days ->
        [one] { $within_days } dnia
        [few] { $within_days } dni
        [many] { $within_days } dni
       *[other] { $within_days } dnia
    }: żadnych promocji do { $until }.
ASKED_LATER = Klient prosił, by zapytać później: nie przed { $until }.
IGNORED =
    Klient zignorował ofertę tego produktu: bank nie wraca do niego przez { $days ->
        [one] { $days } dzień
        [few] { $days } dni
        [many] { $days } dni
       *[other] { $days } dnia
    }, do { $until }.
NO_ANSWER =
    Ostatnim razem nikt nie odpowiedział: bank nie próbuje przez { $days ->
        [one] { $days } dzień
        [few] { $days } dni
        [many] { $days } dni
       *[other] { $days } dnia
    }, do { $until }.

## Limity kontaktów i pory dnia

LIMITS_SKIPPED = Limity kontaktów wiążą tylko promocję, którą zaczyna bank.
WITHIN_LIMITS = W każdym limicie kontaktów jest miejsce.
CONTACT_LIMIT =
    Limit kontaktów { $limit } jest wyczerpany: { $used } z { $count ->
        [one] { $count } kontaktu
        [few] { $count } kontaktów
        [many] { $count } kontaktów
       *[other] { $count } kontaktu
    } w ciągu { $days ->
        [one] { $days } dnia
        [few] { $days } dni
        [many] { $days } dni
       *[other] { $days } dnia
    }.
TIMES_SKIPPED = Godziny ciszy nie wiążą tego kontaktu.
ANY_TIME = Z klientem można kontaktować się { $channel } o każdej porze.
CONTACT_TIME = O tej porze można kontaktować się z klientem { $channel }.
TIME_ZONE_UNKNOWN = Strefa czasowa klienta nie jest znana: u niego może być noc.
HOLIDAYS_UNKNOWN = Dni świąteczne w miejscu zamieszkania klienta nie są znane.
PUBLIC_HOLIDAY = W miejscu zamieszkania klienta jest dzień świąteczny.
CLOSED_DAY = W tym dniu tygodnia bank nie kontaktuje się z klientami { $channel }.
QUIET_HOURS = To poza godzinami, w których bank kontaktuje się z klientami { $channel }.
LIMITS_UNKNOWN = Wtyczka { $plugin } nie podała swoich limitów kontaktów: z nikim się nie kontaktujemy.

## Wybór, droga i rezerwacja

RANKED = Zajmuje miejsce { $rank } wśród ofert.
SHADOW = Reguła tylko obserwuje: działa w trybie cienia.
SAME_PRODUCT = Lepsza propozycja oferuje ten sam produkt.
TOO_MANY = Znaleziono dość lepszych ofert.
CHANNEL_CHOSEN = Przekazanie: { $channel }.
CUSTOMER_IS_HERE = Klient jest na miejscu: nie ma czego rezerwować.
CUSTOMER_COMES = Klient zobaczy to, gdy sam przyjdzie: nie ma czego rezerwować.
WAITS = Czeka, aż z klientem będzie można się skontaktować.
BETTER_OFFER_FIRST = Kontakt przypadł lepszej ofercie.
RESERVED = Kontakt jest zarezerwowany.

## Jak stoi oferta

SLOT_HELD = Kontakt w jej sprawie jest zarezerwowany.
SLOT_CANCELLED = Zarezerwowany dla niej kontakt anulowano.
SLOT_RELEASED = Zarezerwowany dla niej kontakt zwolniono.
SLOT_EXPIRED = Zarezerwowany dla niej kontakt nie odbył się w porę.
CONTACT_MADE = Kontakt się odbył.
ANSWERED = Klient odpowiedział.
ANSWERED_LATE = Klient odpowiedział po jej zakończeniu.
NOT_ANSWERED_IN_TIME = Nie odpowiedziano na nią w porę.
VALIDITY_OVER = Jej czas minął.
RULE_GONE = Reguły, która ją proponowała, już nie ma albo nie jest już spełniona.

## Dlaczego skontaktowano się z klientem

why-outbound = Klient: { $customer }. Bank skontaktował się { $channel } dnia { $at }.
why-outbound-about = Klient: { $customer }. Bank skontaktował się { $channel } dnia { $at } w sprawie: { $product }.
why-inbound = Klient: { $customer }. Klient zgłosił się do banku { $channel } dnia { $at }.
why-inbound-about = Klient: { $customer }. Klient zgłosił się do banku { $channel } dnia { $at }; rozmowa dotyczyła: { $product }.
why-employee = Do tego kontaktu nie doprowadziła żadna decyzja platformy: ktoś zapisał go bez niej.
why-source = Zapisane przez: { $source }.
why-event = Zdecydowano o tym dnia { $at } z powodu zdarzenia { $event } z dnia { $happened }.
why-asked = Zdecydowano o tym dnia { $at }, gdy klient był w kontakcie z bankiem.
why-scan = Zdecydowano o tym dnia { $at }, gdy bank przeglądał swoich klientów.
why-rule = Zaproponowała to reguła „{ $rule }” ({ $id }, wersja { $version }).
why-again = Oferta czekała; ponownie oceniono ją dnia { $at }.
why-reasons = Co należało powiedzieć: { $reasons }
why-checks =
    Przeszło { $checks ->
        [one] { $checks } sprawdzenie
        [few] { $checks } sprawdzenia
        [many] { $checks } sprawdzeń
       *[other] { $checks } sprawdzenia
    }.
why-held = Sprawdzenie „{ $gate }” kazało najpierw poczekać: { $sentence }
why-consent-granted = Klient zgodził się na { $purpose } { $channel } dnia { $since } (zapis { $id }).
why-consent-denied = Klient odmówił zgody na { $purpose } { $channel } dnia { $since } (zapis { $id }).
why-consent-withdrawn = Klient wycofał zgodę na { $purpose } { $channel } dnia { $since } (zapis { $id }).
why-override =
    Limit { $limit } skrócono w tym przypadku do { $days ->
        [one] { $days } dnia
        [few] { $days } dni
        [many] { $days } dni
       *[other] { $days } dnia
    }: wnioskodawca: { $asked }, zatwierdzenie: { $approved }. { $reason }
why-policy = Obowiązywała polityka kontaktów w wersji { $version }.

## Dlaczego nie zaproponowano

why-not-unknown-product = W katalogu nie ma produktu { $code }.
why-not-never = Produktu { $product } nigdy nie rozważano (klient: { $customer }): żadnej reguły, która go oferuje, nie zapytano o tego klienta.
why-not-stopped = Produktu { $product } nie zaproponowano (klient: { $customer }): dnia { $at } zatrzymało go sprawdzenie „{ $gate }”. { $sentence }
why-not-proposed = Produkt { $product } zaproponowano dnia { $at } (klient: { $customer }); oferta jest teraz { $status }.
why-not-held = Z klientem nie wolno się jeszcze z tym kontaktować. { $sentence }
why-not-open = Produkt { $product } rozważano dnia { $at } (klient: { $customer }); żadne sprawdzenie go nie zatrzymało, a nie został zaproponowany.
why-not-rule = Oferuje go reguła „{ $rule }” ({ $id }).
why-not-earliest = O ile było wtedy wiadomo, jest to możliwe od { $at }.

## Cała decyzja

decision-proposed = Zdecydowano (klient: { $party }) dnia { $at }, powód: { $trigger }. Jest oferta.
decision-nothing = Zdecydowano (klient: { $party }) dnia { $at }, powód: { $trigger }. Nie ma oferty.
decision-candidate-offered = Reguła { $rule }, produkt { $product }: w ofercie, miejsce { $rank }.
decision-candidate-dropped = Reguła { $rule }, produkt { $product }: bez oferty.
decision-gate = { $gate }: { $verdict }. { $sentence }
decision-held = Z klientem nie wolno się jeszcze z tym kontaktować.

## Messages

unsubscribe-line = Nie chcą Państwo więcej takich wiadomości? Zgodę można wycofać tutaj:

## Strony, do których prowadzą linki w wiadomościach

page-instant = { $at }
page-status = Stan
page-status-new = przyjęta
page-status-assigned = w trakcie
page-status-waiting-for-customer = czeka na klienta
page-status-answered = z odpowiedzią
page-status-closed = zamknięta
page-status-reopened = ponownie w trakcie
page-kind = Rodzaj
page-kind-request = sprawa
page-kind-complaint = reklamacja
page-owner = Odpowiedzialna osoba
page-due = Termin odpowiedzi
page-late = po terminie
page-customer = Klient
page-name = Nazwisko
page-care = wymaga szczególnej troski
page-segment = Segment
page-reach = Kontakt
page-products = Produkty
page-open-requests = Otwarte sprawy
page-no-customer = Nikt, kogo bank zna.
page-no-subject = bez tematu
page-messages = Przebieg rozmowy
page-from-you = Ty
page-from-bank = Bank
page-document = Dokument: { $name }
page-document-state = { $bytes } B, { $state }
state-clean = sprawdzony
state-unscanned = niesprawdzony
state-scanning = w trakcie sprawdzania
state-refused = odrzucony
page-entry-opened = Pytanie klienta
page-entry-acknowledged = Potwierdzono przyjęcie
page-entry-sorted = Przypisano kategorię
page-entry-assigned = Przydzielono
page-entry-escalated = Przekazano przełożonemu
page-entry-customer-wrote = Wiadomość klienta
page-entry-answered = Odpowiedź
page-entry-note = Notatka
page-entry-waiting = Pytanie do klienta
page-entry-resumed = Wznowiono
page-entry-warned = Zbliża się termin
page-entry-breached = Przekroczono termin
page-entry-closed = Zamknięto
page-entry-reopened = Otwarto ponownie
page-entry-attached = Dodano dokument
page-entry-surveyed = Wypełniono ankietę
page-desk-title = odpowiedź na sprawę
page-desk-you = Odpowiadasz jako { $name }.
page-articles = Co może pomóc
page-article-used = odpowiedź opiera się na tym
page-answer = Odpowiedź
page-answer-text = Twoja odpowiedź dla klienta
page-files =
    Dokumenty ({ $files ->
        [one] najwyżej jeden
        [few] najwyżej { $files }
        [many] najwyżej { $files }
       *[other] najwyżej { $files }
    })
page-close = to kończy sprawę
page-outcome = Na koniec: czy klient miał rację?
page-outcome-upheld = tak
page-outcome-partly-upheld = częściowo
page-outcome-rejected = nie
page-cause = Na koniec: jaka była przyczyna
page-cause-staff-mistake = błąd pracownika
page-cause-staff-conduct = zachowanie pracownika
page-cause-system-fault = awaria systemu lub urządzenia
page-cause-process-delay = trwało to zbyt długo
page-cause-communication = bank poinformował źle, późno lub wcale
page-cause-fees-and-rates = opłaty, oprocentowanie lub kursy
page-cause-product-terms = warunki produktu
page-cause-sales-practice = sposób sprzedaży
page-cause-fraud-by-others = oszustwo osób trzecich
page-cause-misunderstanding = nieporozumienie
page-cause-third-party = partner lub dostawca banku
page-cause-other = coś innego
page-send-answer = Wyślij odpowiedź
page-sent = Wysłano. Klient zostanie powiadomiony.
page-closed-hint = Sprawa jest zamknięta. Otwórz ją ponownie, zanim odpowiesz.
page-request-title = Twoja sprawa { $number }
page-write = Napisz do nas
page-your-message = Twoja wiadomość
page-send = Wyślij
page-written = Otrzymaliśmy Twoją wiadomość.
page-unsubscribe-title = Wiadomości z banku
page-unsubscribe-question = Czy chcesz wycofać zgodę na { $purpose } ({ $channel })?
page-unsubscribe-button = Wycofuję zgodę
page-unsubscribe-done = Wycofaliśmy Twoją zgodę na { $purpose } ({ $channel }).
page-problem-link = Tego linku nie można użyć
page-problem-missing = Tego tu nie ma
page-problem-other = To się nie udało
page-problem-hint = Jeśli potrzebujesz pomocy, skontaktuj się z bankiem w znany Ci sposób.
page-survey-title = Jak załatwiliśmy Twoją reklamację?
page-survey-question = Czy jesteś zadowolona/y ze sposobu jej załatwienia?
page-survey-5 = bardzo
page-survey-4 = raczej tak
page-survey-3 = ani tak, ani nie
page-survey-2 = raczej nie
page-survey-1 = wcale nie
page-survey-text = Co powinniśmy robić lepiej? (jeśli chcesz)
page-survey-done = Dziękujemy. Twoja odpowiedź nam pomaga.
page-thanks-title = Dziękujemy
page-thanks-number = Otrzymaliśmy Twoją wiadomość. Ma ona numer { $number }.
page-thanks-hint = Potwierdzenie wysyłamy na podany adres e-mail. Pisząc ponownie, podaj ten numer.
page-error = To się nie udało. Spróbuj ponownie albo skontaktuj się z bankiem w znany Ci sposób.
page-error-already-decided = Nie można już na to odpowiedzieć: minął termin albo reklamację otwarto ponownie.
page-error-already-exists = Ta odpowiedź została już udzielona. Dziękujemy.
page-error-attachment-refused = Nie można przyjąć pliku { $name }: jest pusty, za duży albo ma niedozwolony format. Pomiń go lub wybierz inny.
page-error-attachment-too-large = Dokument jest za duży.
page-error-bad-user-input = W formularzu czegoś brakuje albo jest w nim błąd. Sprawdź go jeszcze raz.
page-error-bad-user-input-category = Nie ma takiego tematu. Wybierz inny.
page-error-bad-user-input-email = Na ten adres e-mail nie możemy odpowiedzieć. Popraw go.
page-error-bad-user-input-file = Przesyłka jest za duża. Wyślij mniej naraz.
page-error-bad-user-input-language = Nie znamy tego języka.
page-error-bad-user-input-outcome = Zanim zamkniesz reklamację, zaznacz, czy klient miał rację.
page-error-bad-user-input-root-cause = Zanim zamkniesz reklamację, wskaż jej przyczynę.
page-error-bad-user-input-score = Wybierz jedną z pięciu odpowiedzi.
page-error-bad-user-input-subject = Brakuje tematu albo jest za długi.
page-error-bad-user-input-text = Brakuje tekstu albo jest za długi.
page-error-bad-user-input-token = Link jest niepełny albo nie pochodzi z banku. Otwórz go ponownie z wiadomości.
page-error-bad-user-input-website = Wypełniono pole, którego nie widać. Wyślij formularz jeszcze raz bez niego.
page-error-database-busy = W tej chwili to niemożliwe. Spróbuj ponownie za minutę.
page-error-database-timeout = { page-error-database-busy }
page-error-database-unavailable = { page-error-database-busy }
page-error-storage-unavailable = { page-error-database-busy }
page-error-forbidden = Tego dokumentu nie można otworzyć.
page-error-forbidden-scanning = Dokument jest sprawdzany. Spróbuj ponownie później.
page-error-forbidden-refused = Dokument nie przeszedł kontroli i nie można go otworzyć.
page-error-idempotency-key-reused = Ten formularz wysłano już z inną treścią. Otwórz stronę ponownie, aby napisać więcej.
page-error-not-found = Nic tu nie ma albo nie należy to do Ciebie.
page-error-request-closed = Sprawa jest zamknięta. Otwórz nową i podaj jej numer.
page-error-too-often = To dużo jak na tak krótki czas. Wyślij to później.
page-error-unauthenticated = Link jest niepełny, wygasł albo należy do kogoś innego. Otwórz go ponownie z wiadomości albo poproś o nowy.
page-error-version-conflict = Od otwarcia tej strony coś się w sprawie wydarzyło. Widzisz to teraz: przeczytaj i wyślij odpowiedź jeszcze raz.
