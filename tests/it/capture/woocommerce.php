<?php
// In the place of WordPress and WooCommerce: what the recipe calls, and what happens in a shop. The
// first argument is the recipe; what became of it is printed as JSON.

$actions = $scheduled = $posted = $scripts = [];
$status = 202;

function add_action($hook, $action, $priority = 10, $accepted = 1) {
    global $actions;
    $actions[$hook][] = [$action, $accepted];
}
function do_action($hook, ...$given) {
    global $actions;
    foreach ($actions[$hook] ?? [] as [$action, $accepted]) $action(...array_slice($given, 0, $accepted));
}
function wp_enqueue_script($handle, $src, $deps, $version, $options) {
    global $scripts;
    $scripts[] = [$src, $options];
}
function as_enqueue_async_action($hook, $given) { as_schedule_single_action(time(), $hook, $given); }
function as_schedule_single_action($at, $hook, $given) {
    global $scheduled;
    $scheduled[] = [$at - time(), $hook, $given];
}
function wp_json_encode($value) { return json_encode($value); }
function wp_remote_post($url, $options) {
    global $posted;
    $posted[] = [$url, $options];
    return [];
}
function wp_remote_retrieve_response_code($answer) {
    global $status;
    return $status;
}
function wp_remote_retrieve_body($answer) { return ''; }

class Order {
    public $meta = [];
    public $saved = 0;
    public $paid = null;
    public function __construct(public $id) {}
    public function get_id() { return $this->id; }
    public function get_meta($name) { return $this->meta[$name] ?? ''; }
    public function update_meta_data($name, $value) { $this->meta[$name] = $value; }
    public function save() { $this->saved++; }
    public function get_date_paid() { return $this->paid; }
    public function get_total() { return '129.95'; }
    public function get_currency() { return 'USD'; }
}
$orders = [];
function wc_get_order($id) {
    global $orders;
    return $orders[$id] ?? false;
}
function order($id) {
    global $orders;
    return $orders[$id] = new Order($id);
}

const TRACKLAYER_KEY = 'local-key';
set_error_handler(function ($level, $message) { throw new ErrorException($message); });
require $argv[1];

$reference = 'tl.' . str_repeat('0123456789abcdef', 2);
$kept = [];
do_action('wp_enqueue_scripts');
ob_start();
do_action('woocommerce_after_order_notes', null);
$field = ob_get_clean();

// The classic checkout: the order has no number yet, and WooCommerce saves it.
$_POST['tl_session'] = $reference;
$new = new Order(0);
do_action('woocommerce_checkout_create_order', $new, []);
$kept['classic'] = [$new->meta, $new->saved];
// What strangers send.
foreach (["$reference\n", ['x'], '<script>', ''] as $bad) {
    $_POST['tl_session'] = $bad;
    $order = new Order(1);
    do_action('woocommerce_checkout_create_order', $order, []);
    $kept['bad'][] = $order->meta;
}
// The checkout of blocks has the cookie alone.
unset($_POST['tl_session']);
$_COOKIE['tl_session'] = $reference;
do_action('woocommerce_store_api_checkout_update_order_meta', $order = order(4711));
$kept['blocks'] = [$order->meta, $order->saved];

// An order on hold, then paid; some ways to pay tell it twice.
do_action('woocommerce_order_status_processing', 4711);
$early = count($scheduled);
$order->paid = new DateTime('now', new DateTimeZone('+02:00'));
do_action('woocommerce_payment_complete', 4711, 'transaction');
do_action('woocommerce_order_status_completed', 4711, $order);
// One without a reference.
order(4712)->paid = $order->paid;
do_action('woocommerce_payment_complete', 4712, 'transaction');
$queued = $scheduled;

$ends = [];
foreach ([[202, 1], [200, 1], [503, 1], [0, 2], [429, 11], [503, 12], [422, 1]] as [$status, $try]) {
    $scheduled = [];
    $failure = null;
    try {
        do_action('tracklayer_send', 4711, $try);
    } catch (Exception $exception) {
        $failure = $exception->getMessage();
    }
    $ends[] = [$status, $try, $scheduled[0] ?? null, $failure];
}
echo json_encode(compact('scripts', 'field', 'kept', 'early', 'queued', 'ends', 'posted'));
